import { stripTypeScriptTypes } from "node:module";

/** Jest's transform: Node's own type stripper keeps every line and column where it was. */
export default { process: (source) => ({ code: stripTypeScriptTypes(source) }) };
