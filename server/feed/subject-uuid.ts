import { RowhouseError } from "../../lib/errors.ts";
import { parseTypeId } from "../../lib/type-id.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The uuid of a row whose events are wanted: given as it is, or as the id that the API shows. */
export function subjectUuid(subject: string): string {
  const found = uuid.test(subject) ? subject : parseTypeId(subject)?.uuid;
  if (found !== undefined) return found;
  const message = `${JSON.stringify(subject.slice(0, 60))} is not an id. Give ids of rows as the API shows them, such as contact_01jd3….`;
  throw new RowhouseError("VALIDATION_FAILED", message, { field: "subjects" });
}
