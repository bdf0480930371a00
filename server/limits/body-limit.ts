/** How a request that is larger than it may be is refused, whoever reads its body. */
export function bodyTooLarge(limit: number): { message: string; details: { limit: number; name: string } } {
  return {
    message: `The request is larger than ${limit} bytes, which is the limit. Send less at a time.`,
    details: { limit, name: "bodyBytes" },
  };
}
