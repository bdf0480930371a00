import { describe, expect, test } from "@jest/globals";
import { readMasked } from "../../../server/masked-client.ts";

const standIns = new Set(["crm_contacts", "crm_search_contacts"]);

describe("the statement of a masked viewer", () => {
  test("names stand-ins of tables and functions, and leaves everything else as it is", () => {
    const text = `select __c__."primary_email" from "crm"."contacts" as __c__ join "crm"."companies" as __d__ on true
      where __c__."id" = $1::"crm"."contacts" and exists (select from "crm"."search_contacts"($2) as __s__)`;
    expect(readMasked(text, standIns)).toBe(
      `select __c__."primary_email" from "masked"."crm_contacts"() as __c__ join "crm"."companies" as __d__ on true
      where __c__."id" = $1::"crm"."contacts" and exists (select from "masked"."crm_search_contacts"($2) as __s__)`,
    );
  });

  test("reads the version of a row from the row itself, as a stand-in has no system columns", () => {
    const text = `select (__c__.xmin::text), (__d__.xmin::text) from "crm"."contacts" as __c__, "crm"."companies" as __d__`;
    expect(readMasked(text, standIns)).toContain(
      `((select v.xmin from "crm"."contacts" v where v.tenant_id = __c__.tenant_id and v.id = __c__.id)::text), (__d__.xmin::text)`,
    );
  });
});
