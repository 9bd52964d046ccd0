"""Files and lists of policies: what is accepted, and how each mistake is said."""

from __future__ import annotations

import re
import string
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tracelog.errors import ConfigurationError, MissingExtraError
from tracelog.keep.policies import Called, Evidence, Latency, Level, Policy, Probabilistic, StatusCode
from tracelog.keep.policy_files import load_policies

EXAMPLE = """\
- {name: keep_errors, type: status_code, status_code: ERROR}
- {name: keep_slow, type: latency, threshold_ms: 1000}
- {name: probabilistic_rest, type: probabilistic, sampling_percentage: 1}
"""
THREE = (StatusCode("keep_errors"), Latency("keep_slow", 1000), Probabilistic("probabilistic_rest", 1))
COLLECTOR = """\
    decision_wait: 10s
    num_traces: 100
    policies:
      [
        {name: keep_errors, type: status_code, status_code: {status_codes: [ERROR]}},
        {name: keep_slow, type: latency, latency: {threshold_ms: 1000}},
        {name: probabilistic_rest, type: probabilistic, probabilistic: {sampling_percentage: 1}}
      ]
"""
TABLES = """\
# what to keep
[[policies]]
name = "keep_errors"
type = "status_code"
status_code = "ERROR"

[[policies]]
name = "keep_slow"
type = "latency"
latency = {threshold_ms = 1000}

[[policies]]
name = "probabilistic_rest"
type = "probabilistic"
sampling_percentage = 1
"""


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def said_of(source: Any, folder: Path | None = None) -> str:
    """Return what is said of a source, with the folder of the file left out."""
    with pytest.raises(ConfigurationError) as raised:
        load_policies(source)
    return str(raised.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("policies.yaml", EXAMPLE),
        ("policies.yml", f"policies:\n{EXAMPLE}"),
        ("policies.yaml", f"processors:\n  tail_sampling:\n{COLLECTOR}exporters: {{debug: }}\n"),
        ("policies.yaml", f"tail_sampling:\n{COLLECTOR}"),
        ("policies.yaml", COLLECTOR),
        ("policies.json", ('[{"name": "keep_errors", "type": "status_code", "status_code": "ERROR"},\n'
         '{"name": "keep_slow", "type": "latency", "threshold_ms": 1000},'
         '{"name": "probabilistic_rest", "type": "probabilistic", "sampling_percentage": 1}]')),
        ("policies.yaml", "\ufeff" + EXAMPLE),
        ("policies.yaml", ("x: &slow {type: latency, threshold_ms: 1000}\npolicies:\n"
         "- {name: keep_errors, type: status_code, status_code: ERROR}\n- {<<: *slow, name: keep_slow}\n"
         "- {name: probabilistic_rest, type: probabilistic, sampling_percentage: 1}\n")),
        ("policies.toml", TABLES),
        ("policies.toml", TABLES.replace("[[policies]]", "[[processors.tail_sampling.policies]]")),
        ("policies.TOML", ('policies = [{name = "keep_errors", type = "status_code", status_code = "ERROR"}, '
         '{name = "keep_slow", type = "latency", threshold_ms = 1000}, '
         '{name = "probabilistic_rest", type = "probabilistic", sampling_percentage = 1}]')),
    ],
)  # fmt: skip
def test_a_file_of_any_accepted_shape_gives_its_policies_in_its_order(name: str, text: str, tmp_path: Path) -> None:
    path = write(tmp_path, name, text)
    assert load_policies(path) == load_policies(Path(path)) == THREE


def test_every_example_of_the_docs_is_accepted_and_means_what_it_says(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "keep.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(yaml|toml)\n(.*?)```", text, flags=re.DOTALL)
    assert [load_policies(write(tmp_path, f"policies.{language}", block)) for language, block in blocks] == [
        (*THREE[:2], Level("keep_error_lines", "ERROR"), THREE[2]), THREE[:2], THREE[1:2],
    ]  # fmt: skip
    (program,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "load_policies" in block]
    held: dict[str, Any] = {}
    exec(program, held)
    assert [policy.name for policy in held["policies"]] == ["keep_slow", "odd_and_slow"]


def test_a_list_holds_mappings_policies_and_functions() -> None:
    def paying(evidence: Evidence) -> bool:
        return evidence.severity > 9

    written = {"name": "lines", "type": "level", "level": "error"}
    expected = (Level("lines", "ERROR"), Latency("slow", 5), Called(paying))
    assert load_policies([written, Latency("slow", 5), paying]) == expected
    assert load_policies({"policies": (written,)}) == expected[:1]
    assert [policy.name for policy in load_policies([written, paying])] == ["lines", "paying"]


def test_a_policy_of_the_users_own_is_taken_as_it_is() -> None:
    class Tenant:
        name = "tenant"
        is_share = True

        def keeps(self, evidence: Evidence) -> bool:
            return evidence.trace_id == 1

    own: Policy = Tenant()
    assert load_policies([own]) == (own,)


NAMED = "name: keep_slow\n  type: latency"
MILLISECONDS = "(expected a number of milliseconds)"
TYPES = "(expected status_code, latency, probabilistic or level"
SHAPES = "(expected a list of policies, by itself or under policies:, tail_sampling: or processors: tail_sampling:)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"policies:\n\n# slow\n- {NAMED}\n", f":4: keep_slow: threshold_ms is missing {MILLISECONDS}"),
        (f"- {NAMED}\n  threshold_ms: soon\n", f":3: keep_slow: threshold_ms is 'soon' {MILLISECONDS}"),
        (f"- {NAMED}\n  threshold_ms:\n", f":3: keep_slow: threshold_ms is empty {MILLISECONDS}"),
        (f"- {NAMED}\n  threshold_ms: [1]\n", f":3: keep_slow: threshold_ms is a list {MILLISECONDS}"),
        (f"- {NAMED}\n  latency:\n    threshold_ms: {{}}\n",
         f":4: keep_slow: threshold_ms is a mapping {MILLISECONDS}"),
        (f"- {NAMED}\n  latency: {{}}\n", f":1: keep_slow: threshold_ms is missing {MILLISECONDS}"),
        (f"- {NAMED}\n  treshold_ms: 5\n",
         ":3: keep_slow: unknown key 'treshold_ms' (expected name, type or threshold_ms; did you mean threshold_ms?)"),
        (f"- {NAMED}\n  latency: {{threshold_ms: 5}}\n  threshold_ms: 5\n",
         ":4: keep_slow: unknown key 'threshold_ms' (expected name, type or latency)"),
        (f"- {NAMED}\n  latency:\n    threshold_ms: 5\n    upper_threshold_ms: 7\n",
         ":5: keep_slow: unknown key 'upper_threshold_ms' in latency (expected threshold_ms)"),
        (f"- {NAMED}\n  1: 5\n", ":3: keep_slow: unknown key 1 (expected name, type or threshold_ms)"),
        ("- {name: rest, type: probabilistic, sampling_percentage: 150}",
         ":1: rest: sampling_percentage is 150 (expected a number from 0 to 100)"),
        ("- {name: rest, type: probabilistic, probabilistic: {sampling_percentage: 1, hash_salt: s}}",
         ":1: rest: unknown key 'hash_salt' in probabilistic (expected sampling_percentage)"),
        ("- {name: a, type: status_code, status_code: UNSET}", ":1: a: status_code is 'UNSET' (expected ERROR)"),
        ("- {name: a, type: status_code, status_code: {status_codes: [ERROR, OK]}}",
         ":1: a: status_code is 'OK' (expected ERROR)"),
        ("- {name: a, type: status_code, status_code: {status_codes: []}}",
         ":1: a: status_code is a list (expected ERROR)"),
        ("- {name: a, type: level, level: LOUD}",
         ":1: a: level is 'LOUD' (expected one of DEBUG, INFO, WARNING, ERROR, CRITICAL)"),
        ("- {name: a, type: latncy}", f":1: a: unknown type 'latncy' {TYPES}; did you mean latency?)"),
        ("- {name: a, type: always_sample}", f":1: a: unknown type 'always_sample' {TYPES})"),
        ("- {name: a, type: 5}", f":1: a: type is 5 {TYPES})"),
        ("- name: a", f":1: a: type is missing {TYPES})"),
        ("- {type: latency, threshold_ms: 5}", ":1: name is missing (expected text)"),
        ("- {name: ' ', type: latency, threshold_ms: 5}", ":1: name is ' ' (expected text)"),
        ("- {name: yes, type: latency, threshold_ms: 5}", ":1: name is true (expected text)"),
        (r'- {name: "a\nb", type: latency}', f":1: 'a\\nb': threshold_ms is missing {MILLISECONDS}"),
        (f"{EXAMPLE}\n- {{name: keep_slow, type: latency, threshold_ms: 5}}",
         ":5: keep_slow: the name is taken by policies.yaml:2 (expected one of its own)"),
        (f"- {NAMED}\n  name: b\n", ":3: not YAML: name is there twice"),
        ("- keep_errors", ":1: 'keep_errors' is no policy (expected a mapping with name and type)"),
        ("- - a", ":1: a list is no policy (expected a mapping with name and type)"),
        ("policies: []", ":1: no policies (expected at least one)"),
        ("", f":1: no policies {SHAPES}"),
        ("policies:", f":1: no policies {SHAPES}"),
        ("receivers: {}\nprocessors:\n  tail_sampling:\n    policies: all\n", f":4: no policies {SHAPES}"),
        ("policies:\n- {name: a\n", ":3: not YAML: expected ',' or '}', but got '<stream end>'"),
        ("- *slow", ":1: not YAML: found undefined alias 'slow'"),
        ("a\n---\nb", ":2: not YAML: but found another document"),
        ("- !!python/object:os.system {}", (":1: not YAML: could not determine a constructor for the tag"
         " 'tag:yaml.org,2002:python/object:os.system'")),
        ("- {a: 2020-13-01}", ": not YAML: month must be in 1..12"),
        ("- a\n- \x00", ":2: not YAML: the character '\\x00'"),
    ],
)  # fmt: skip
def test_a_mistake_in_yaml_is_said_with_file_line_and_what_was_expected(text: str, said: str, tmp_path: Path) -> None:
    assert said_of(write(tmp_path, "policies.yaml", text), tmp_path) == f"policies.yaml{said}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TABLES.replace("= 1000", '= "1s"'), f":7: keep_slow: threshold_ms is '1s' {MILLISECONDS}"),
        (TABLES.replace('"probabilistic_rest"', '"keep_slow"'),
         ":12: keep_slow: the name is taken by policies.toml:7 (expected one of its own)"),
        ('policies = [{name = "a", type = "latency"}]', f": policies[0]: a: threshold_ms is missing {MILLISECONDS}"),
        ("policies = []", ": no policies (expected at least one)"),
        ("", f": no policies {SHAPES}"),
        ("[[policies]]\nname = keep\n", ":2: not TOML: Invalid value"),
        ('[[policies]]\nname = "', ":2: not TOML: "),
    ],
)  # fmt: skip
def test_a_mistake_in_toml_is_said_with_the_line_of_its_table(text: str, said: str, tmp_path: Path) -> None:
    assert said_of(write(tmp_path, "policies.toml", text), tmp_path).startswith(f"policies.toml{said}")


def test_a_mistake_in_a_list_is_said_with_its_position() -> None:
    good: dict[str, object] = {"name": "slow", "type": "latency", "threshold_ms": 5}
    no_policy = "is no policy (expected a mapping with name and type)"
    assert (
        said_of([good, {"name": "b", "type": "latency"}]) == f"policies[1]: b: threshold_ms is missing {MILLISECONDS}"
    )
    assert said_of([good, good]) == "policies[1]: slow: the name is taken by policies[0] (expected one of its own)"
    assert said_of([good, 5]) == f"policies[1]: 5 {no_policy}"
    assert said_of([Latency]) == f"policies[0]: <class 'tracelog.keep.policies.Latency'> {no_policy}"
    assert said_of([]) == "policies: no policies (expected at least one)"
    assert said_of({"policy": [good]}) == f"policies: no policies {SHAPES}"
    assert said_of([len, Called(print, "len")]) == (
        "policies[1]: len: the name is taken by policies[0] (expected one of its own)"
    )


def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    suffixes = "(expected .yaml, .yml, .json, .toml)"
    (tmp_path / "latin.yaml").write_bytes(b"- name: caf\xe9\n")
    (tmp_path / "folder.yaml").mkdir()
    said = partial(said_of, folder=tmp_path)
    assert said(f"{tmp_path}/absent.yaml") == "absent.yaml: no such file or directory"
    assert said(f"{tmp_path}/folder.yaml") == "folder.yaml: is a directory"
    assert said(f"{tmp_path}/latin.yaml") == "latin.yaml: not UTF-8 text (byte 11)"
    assert said(f"{tmp_path}/policies.txt") == f"policies.txt: not known by its name {suffixes}"
    assert said(write(tmp_path, "deep.yaml", "[" * 500)) == "deep.yaml: nested too deeply"
    assert said(f"{tmp_path}/a\nb.yaml") == "a\\nb.yaml: no such file or directory"


def test_without_pyyaml_the_error_names_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    path = write(tmp_path, "policies.yaml", EXAMPLE)
    with pytest.raises(MissingExtraError) as raised:
        load_policies(path)
    assert str(raised.value) == f"reading {path} needs the extra 'yaml': pip install 'tracelog[yaml]'"


KEYS = st.sampled_from(
    ["policies", "tail_sampling", "processors", "name", "type", "status_code", "status_codes", "latency", "level",
     "threshold_ms", "probabilistic", "sampling_percentage", "<<", "=", ""]
)  # fmt: skip
VALUES = st.sampled_from(["a", "b", "ERROR", "latency", "level", "status_code", "probabilistic", 1, 1.5, True]) | (
    st.none() | st.text(max_size=5) | st.integers() | st.floats() | st.dates()
)
NESTED = st.recursive(
    VALUES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
GOOD = st.sampled_from(yaml.safe_load(EXAMPLE))
ANY_POLICY = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=2), max_size=4) | GOOD
ANYTHING = NESTED | st.lists(ANY_POLICY | st.builds(lambda good, more: {**good, **more}, GOOD, ANY_POLICY), max_size=3)
HOSTILE = st.text(alphabet=st.sampled_from("[]{}:,-&*!|>'\"#%@`?<=0x_.\n\t \\eT~") | st.characters(), max_size=40)


def gives_policies_or_one_line(source: Any) -> None:
    try:
        policies = load_policies(source)
    except ConfigurationError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017 - both ends are right
        assert str(error).isprintable()  # noqa: PT017
    else:
        assert policies
        assert len({policy.name for policy in policies}) == len(policies)
        assert all(isinstance(policy, Policy) for policy in policies)


any_source = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@any_source
@given(text=HOSTILE | ANYTHING.map(lambda held: yaml.safe_dump(held, allow_unicode=True)))
@example(text="? [a]\n: b")
@example(text="&a [*a]")
@example(text="- &a {name: a, type: *a}")
@example(text="- &a {<<: *a, name: a}")
@example(text="- {name: a, type: latency, threshold_ms: " + "9" * 5_000 + "}")
@example(text="- {name: a, type: latency, threshold_ms: 0b_}")
@example(text="- {name: a, type: latency, threshold_ms: 1e999}")
@example(text="- 2020-01-01T99:99:99Z")
@example(text="- =")
@example(text="- {name: a, type: latency, 0x" + "f" * 5_000 + ": 1}")
@example(text="%YAML 9.9\n---\n[]")
@example(text="a: &a [x, x]\nb: &b [*a, *a]\npolicies: [&c {name: a, type: level, level: [*b, *b]}]")
def test_any_yaml_gives_policies_or_an_error_of_one_line(text: str, tmp_path: Path) -> None:
    gives_policies_or_one_line(write_any(tmp_path / "any.yaml", text))


@any_source
@given(text=HOSTILE | st.text(alphabet=string.printable, max_size=30).map(lambda text: f"[[policies]]\nname={text}"))
@example(text="a = " + "[" * 5_000)
@example(text="a = " + "9" * 5_000)
@example(text="a = 2020-99-99")
def test_any_toml_gives_policies_or_an_error_of_one_line(text: str, tmp_path: Path) -> None:
    gives_policies_or_one_line(write_any(tmp_path / "any.toml", text))


@any_source
@given(held=st.lists(ANY_POLICY | VALUES, max_size=4) | st.dictionaries(KEYS, ANYTHING, max_size=3))
def test_any_list_gives_policies_or_an_error_of_one_line(held: Any) -> None:
    gives_policies_or_one_line(held)


def write_any(path: Path, text: str) -> str:
    path.write_bytes(text.encode(errors="surrogatepass"))
    return str(path)
