import { gql } from "postgraphile/utils";

/** What clients send and get when they set up sources of webhooks. */
export const webhookSourceTypes = gql`
  extend type Mutation {
    """
    Makes a source of webhooks. Its address, and a secret that was made for it, are in the answer and never shown again.
    """
    createWebhookSource(input: CreateWebhookSourceInput!): CreateWebhookSourcePayload
    """
    Gives a source another secret, which counts at once; the one before counts for a while longer.
    """
    setWebhookSourceSecret(input: SetWebhookSourceSecretInput!): SetWebhookSourceSecretPayload
    """
    Gives a source another address. The one before ends at once: tell the service before.
    """
    rotateWebhookSourceAddress(input: RotateWebhookSourceAddressInput!): RotateWebhookSourceAddressPayload
  }

  """
  The source to make.
  """
  input CreateWebhookSourceInput {
    name: String!
    """
    The service, lower case: twilio, stripe, github, …
    """
    provider: String!
    """
    How the service signs. NONE unless told: then the address is the only secret.
    """
    signatureScheme: SignatureScheme
    """
    Header with the signature, for HMAC_SHA256 and HMAC_SHA1: x-signature unless told.
    """
    signatureHeader: String
    signatureEncoding: SignatureEncoding
    """
    How far the time stamp of a call may be from now: 300 seconds unless told.
    """
    toleranceSeconds: Int
    """
    Where the service's own number of an event stands, such as "header:x-event-id" or "body:data.id".
    """
    eventIdFrom: String
    """
    Where it says what happened, likewise.
    """
    eventTypeFrom: String
    """
    The secret that the service gave, such as Stripe's whsec_… or Twilio's auth token. None: one is made, except for these two.
    """
    secret: String
  }

  """
  The secret to keep.
  """
  input SetWebhookSourceSecretInput {
    webhookSourceId: ID!
    """
    The secret that the service gave. None: one is made, and shown once.
    """
    secret: String
    """
    For how many minutes the secret before still counts: a day unless told, 0 to end it at once.
    """
    overlapMinutes: Int
  }

  """
  The source to give another address.
  """
  input RotateWebhookSourceAddressInput {
    webhookSourceId: ID!
  }

  """
  The outcome of \`createWebhookSource\`.
  """
  type CreateWebhookSourcePayload {
    """
    Where the service sends its calls. Keep it safe: it is not shown again.
    """
    url: String!
    """
    The secret, when it was made here. It is not shown again.
    """
    secret: String
    webhookSource: WebhookSource
  }

  """
  The outcome of \`setWebhookSourceSecret\`.
  """
  type SetWebhookSourceSecretPayload {
    """
    The secret, when it was made here. It is not shown again.
    """
    secret: String
    webhookSource: WebhookSource
  }

  """
  The outcome of \`rotateWebhookSourceAddress\`.
  """
  type RotateWebhookSourceAddressPayload {
    """
    Where the service sends its calls from now on. It is not shown again.
    """
    url: String!
    webhookSource: WebhookSource
  }
`;
