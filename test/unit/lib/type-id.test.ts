import { randomUUID } from "node:crypto";
import { expect, test } from "@jest/globals";
import { TypeID } from "typeid-js";
import { decodeTypeId, encodeTypeId, parseTypeId } from "../../../lib/type-id.ts";

test("a TypeID is what the TypeID specification says, both ways", () => {
  const uuids = [
    "00000000-0000-0000-0000-000000000000",
    "00000000-0000-0000-0000-000000000001",
    "01890a5d-ac96-774b-bcce-b302099a8057",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ...Array.from({ length: 200 }, () => randomUUID()),
  ];
  for (const uuid of uuids) {
    const id = encodeTypeId("list", uuid);
    expect(id).toBe(TypeID.fromUUID("list", uuid).toString());
    expect(parseTypeId(id)).toEqual({ prefix: "list", uuid });
    expect(decodeTypeId("list", id)).toBe(uuid);
  }
});

test.each([
  "",
  "list_",
  "01h455vb4pex5vsknk084sn02q",
  "list_01h455vb4pex5vsknk084sn02",
  "list_01h455vb4pex5vsknk084sn02qq",
  "list_81h455vb4pex5vsknk084sn02q",
  "list_01h455vb4pex5vsknk084sn02u",
  "list_01H455VB4PEX5VSKNK084SN02Q",
  "LIST_01h455vb4pex5vsknk084sn02q",
  " list_01h455vb4pex5vsknk084sn02q",
  "list_01h455vb4pex5vsknk084sn02q\n",
])("%j is no TypeID", (text) => {
  expect(parseTypeId(text)).toBeUndefined();
  expect(() => decodeTypeId("list", text)).toThrow(/is not an id; an id that begins with "list_" is needed/);
});

test("an id of another kind is refused by the name of its kind, and what is no text as well", () => {
  const id = encodeTypeId("entry", randomUUID());
  expect(() => decodeTypeId("list", id)).toThrow(`"${id}" is the id of a "entry"`);
  for (const value of [7, null, undefined, {}, ["list"]])
    expect(() => decodeTypeId("list", value)).toThrow(/is not an id/);
});
