import { test } from "@jest/globals";
import { renderEnvExample } from "../../lib/config.ts";
import { expectGolden } from "../support/golden.ts";

test(".env.example names every setting with its default and a sentence", () => {
  expectGolden(".env.example", renderEnvExample());
});
