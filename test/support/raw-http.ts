import { once } from "node:events";
import { connect } from "node:net";

/** Sends bytes as they are, which no HTTP client would, and returns all that comes back until the server closes. */
export async function sendRaw(origin: string, lines: readonly string[], body = ""): Promise<string> {
  const { hostname, port } = new URL(origin);
  const socket = connect(Number(port), hostname);
  let text = "";
  socket.on("data", (chunk) => (text += String(chunk)));
  socket.on("error", () => undefined);
  socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  await once(socket, "close");
  return text;
}
