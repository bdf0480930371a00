/** No address and no header can have it: they are Latin-1. */
const blot = "…";

/** A text without the unguessable part of an address, which is not to be kept. */
export function blotAddress(text: string, token: string): string {
  return text.replaceAll(token, blot);
}

/** The text again. */
export function restoreAddress(text: string, token: string): string {
  return text.replaceAll(blot, token);
}
