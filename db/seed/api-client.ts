/** A small client of the API, as an integrator would write one: GraphQL over HTTP, uploads and downloads beside it. */
export class ApiClient {
  readonly url: string;
  #token: string | undefined;

  constructor(url: string) {
    this.url = url;
  }

  /** Signs in to a tenant; later requests carry the token. */
  async login(email: string, password: string, tenantSlug: string): Promise<void> {
    const data = await this.query<{ login: { accessToken: string } }>(
      `mutation Login($email: String!, $password: String!, $tenantSlug: String!) {
        login(input: { email: $email, password: $password, tenantSlug: $tenantSlug }) { accessToken }
      }`,
      { email, password, tenantSlug },
    );
    this.#token = data.login.accessToken;
  }

  /** Sends later requests with a token from elsewhere. */
  useToken(token: string): void {
    this.#token = token;
  }

  /** Sends a GraphQL operation; an error of the API becomes an exception with its message and code. */
  async query<T>(query: string, variables: Record<string, unknown> = {}): Promise<T> {
    const response = await fetch(`${this.url}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#authorization() },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await response.json()) as {
      data?: T;
      errors?: { message: string; extensions?: { code?: string } }[];
    };
    if (errors?.length || !data) throw new Error(errors?.map(describeError).join("; ") ?? `HTTP ${response.status}`);
    return data;
  }

  /** Streams a file into an import. */
  async upload(importId: string, body: ReadableStream<Uint8Array>): Promise<void> {
    const response = await fetch(`${this.url}/imports/${importId}`, {
      method: "POST",
      headers: { "content-type": "text/csv", ...this.#authorization() },
      body,
      duplex: "half",
    } as RequestInit & { duplex: "half" });
    const text = await response.text();
    if (!response.ok) throw new Error(`The upload was refused with HTTP ${response.status}: ${text}`);
  }

  #authorization(): Record<string, string> {
    return this.#token ? { authorization: `Bearer ${this.#token}` } : {};
  }
}

function describeError(error: { message: string; extensions?: { code?: string } }): string {
  return error.extensions?.code ? `${error.message} (${error.extensions.code})` : error.message;
}
