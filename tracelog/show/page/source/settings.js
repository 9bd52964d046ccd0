/** What is remembered from page to page, where the browser lets a file remember. */

export function recall(name, otherwise) {
  try {
    return localStorage.getItem(`tracelog.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(`tracelog.${name}`, value);
  } catch {
    // A browser may keep nothing for files: then nothing is remembered.
  }
}
