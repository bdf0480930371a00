/** The fields of a form in order, or undefined when the content is of another kind. */
export function readForm(contentType: string | undefined, body: Buffer): [string, string][] | undefined {
  const type = contentType?.split(";", 1)[0]?.trim().toLowerCase();
  return type === "application/x-www-form-urlencoded" ? [...new URLSearchParams(body.toString("utf8"))] : undefined;
}
