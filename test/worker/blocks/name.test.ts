import { describe, expect, test } from "@jest/globals";
import type { EntryFields } from "../../../worker/blocks/block.ts";
import { prepareBlock } from "../../../worker/blocks/index.ts";

const name = prepareBlock("name", {});

/** The parts as `honorific|first|middle|last|suffix|nickname`. */
function parts(entry: EntryFields): string {
  const { honorific, firstName, middleName, lastName, nameSuffix, nickname } = { ...entry, ...name.run(entry).fields };
  return [honorific, firstName, middleName, lastName, nameSuffix, nickname].map((part) => part ?? "").join("|");
}

describe("splitting a full name", () => {
  test.each([
    ["Mitch McConnell", "|Mitch||McConnell||"],
    ["Dr. John Q. Smith III", "Dr.|John|Q.|Smith|III|"],
    ['Eric A. "Rick" Crawford', "|Eric|A.|Crawford||Rick"],
    ["Robert (Bob) Jones Sr.", "|Robert||Jones|Sr.|Bob"],
    ["Smith, John Q.", "|John|Q.|Smith||"],
    ["Smith , John", "|John||Smith||"],
    ["Smith,John", "|John||Smith||"],
    ["Smith Jr., John", "|John||Smith|Jr.|"],
    ["Martin Luther King, Jr.", "|Martin|Luther|King|Jr.|"],
    ["de la Cruz, Monica", "|Monica||de la Cruz||"],
    ["Monica de la Cruz", "|Monica||de la Cruz||"],
    ["Sen. Chris Van Hollen", "Sen.|Chris||Van Hollen||"],
    ["The Hon. Jane Doe", "The Hon.|Jane||Doe||"],
    ["Ana García y López", "|Ana||García y López||"],
    ["Louis Smith V", "|Louis||Smith|V|"],
    ["Mr. Smith", "Mr.|||Smith||"],
    ["Madonna", "|Madonna||||"],
    ["Иван Иванов", "|Иван||Иванов||"],
    ["  Ada\u00a0 Lovelace\u200b ", "|Ada||Lovelace||"],
  ])("reads %s", (fullName, expected) => {
    expect(parts({ fullName })).toBe(expected);
  });

  test.each([
    ["Van Morrison", "|Van||Morrison||"],
    ["Della Reese", "|Della||Reese||"],
    ["Dean Smith", "|Dean||Smith||"],
    ["John Judge", "|John||Judge||"],
    ["Thanh Do", "|Thanh||Do||"],
    ["John E Smith", "|John|E|Smith||"],
    ["Y Nguyen", "|Y||Nguyen||"],
    ["Md. Rahman", "|Md.||Rahman||"],
  ])("does not take a word of %s for a title, a particle or a suffix", (fullName, expected) => {
    expect(parts({ fullName })).toBe(expected);
  });

  test("keeps the full name as it was written when its capitals were chosen", () => {
    for (const fullName of ["McConnell, Mitch", "Scott DesJarlais", "bell hooks Smith", "JOHN Smith"]) {
      expect(name.run({ fullName }).fields).not.toHaveProperty("fullName");
    }
  });
});

describe("capitals of names written in one case", () => {
  test.each([
    ["MITCH MCCONNELL", "Mitch McConnell"],
    ["beto o'rourke", "Beto O'Rourke"],
    ["SEÁN O’NEIL", "Seán O’Neil"],
    ["DE LA CRUZ, MONICA", "Monica de la Cruz"],
    ["CHRIS VAN HOLLEN", "Chris Van Hollen"],
    ["URSULA VON DER LEYEN", "Ursula von der Leyen"],
    ["BEN RAY LUJÁN", "Ben Ray Luján"],
    ["MARY-JO SMITH-JONES", "Mary-Jo Smith-Jones"],
    ["MARTIN LUTHER KING JR", "Martin Luther King Jr."],
    ["john smith, phd", "John Smith PhD"],
    ["DR ED NG IV", "Dr. Ed Ng IV"],
    ["JD VANCE", "JD Vance"],
    ["JOHN E SMITH", "John E Smith"],
    ["VI NGUYEN", "Vi Nguyen"],
    ["NANCY MACE", "Nancy Mace"],
    ["ANGUS MACDONALD", "Angus MacDonald"],
    ["JOAQUIN MACHADO", "Joaquin Machado"],
    ["ИВАН ИВАНОВ", "Иван Иванов"],
    ["ØYVIND ÅS", "Øyvind Ås"],
  ])("%s becomes %s", (fullName, expected) => {
    expect(name.run({ fullName }).fields.fullName).toBe(expected);
  });

  test("are left alone when the step says so", () => {
    const plain = prepareBlock("name", { fixCase: false });
    expect(plain.run({ fullName: "MITCH MCCONNELL" }).fields).toMatchObject({
      firstName: "MITCH",
      lastName: "MCCONNELL",
    });
  });
});

describe("names that come in parts", () => {
  test("make a full name and get proper capitals", () => {
    const { fields } = name.run({ firstName: "JOHN", lastName: "MCDONALD JR" });
    expect(fields).toMatchObject({
      firstName: "John",
      lastName: "McDonald",
      nameSuffix: "Jr.",
      fullName: "John McDonald Jr.",
    });
  });

  test("win over the full name and are completed by it only where both agree", () => {
    expect(name.run({ firstName: "Richard", fullName: "Rich McCormick" }).fields).not.toHaveProperty("lastName");
    expect(name.run({ firstName: "Rick", fullName: 'Eric "Rick" Crawford' }).fields).toMatchObject({
      lastName: "Crawford",
    });
    expect(parts({ firstName: "Ana", lastName: "Gluesenkamp Perez", fullName: "Ana Gluesenkamp Perez" })).toBe(
      "|Ana||Gluesenkamp Perez||",
    );
  });

  test("are judged by their own capitals, not by those of the full name", () => {
    const { fields } = name.run({ fullName: "Maria Cantwell", firstName: "MARIA", lastName: "CANTWELL" });
    expect(fields).toEqual({ firstName: "Maria", lastName: "Cantwell", nameStatus: "valid" });
  });
});

describe("what is no name of a person", () => {
  test.each(["12345", "ada@lovelace.org", "https://x.org", "N/A", "unknown", "((((", ",", "—", "x".repeat(201)])(
    "%p is invalid",
    (fullName) => {
      const result = name.run({ fullName });
      expect(result).toMatchObject({ status: "invalid", fields: { nameStatus: "invalid" } });
      expect(result.reason?.length).toBeLessThan(250);
    },
  );

  test.each(["Acme LLC", "Smith & Sons, Inc.", "University of Iowa Foundation", "ACME GMBH"])(
    "%s is an organisation and is not touched",
    (fullName) => {
      expect(name.run({ fullName })).toMatchObject({ status: "skipped", fields: {}, found: { isOrganisation: true } });
    },
  );

  test("a company's name in the name column is not split", () => {
    expect(name.run({ fullName: "Rowan Hale", companyName: "Rowan Hale" }).status).toBe("skipped");
  });

  test("nothing at all is skipped", () => {
    expect(name.run({ fullName: " ", companyName: "ACME" })).toMatchObject({ status: "skipped", fields: {} });
  });

  test("a name in a script without spaces is valid and stays whole", () => {
    expect(name.run({ fullName: "王小明" }).fields).toEqual({ nameStatus: "valid" });
  });
});

test("the name block changes nothing the second time", () => {
  for (const fullName of [
    "MCDONALD, JOHN Q JR",
    'Robert "Bob" Smith',
    "DR SMITH",
    "madonna",
    "Smith, John",
    "o'rourke",
  ]) {
    const first = { fullName, ...name.run({ fullName }).fields };
    expect([fullName, name.run(first)]).toMatchObject([fullName, { status: "unchanged", fields: {} }]);
  }
});
