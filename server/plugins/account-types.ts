import { gql } from "postgraphile/utils";

/** What the API says about how people come to have an account and keep it. */
export const accountTypes = gql`
  extend type Mutation {
    """
    Accepts an invitation and signs in to its tenant. Who is new gives a name and chooses a password; who has an account is signed in, or gives its password.
    """
    acceptInvitation(input: AcceptInvitationInput!): LoginPayload
  }

  """
  An invitation, and who accepts it.
  """
  input AcceptInvitationInput {
    """
    From the link in the mail.
    """
    token: String!
    """
    Of somebody who is new.
    """
    name: String
    """
    The password of the account with this address; who is new chooses one of at least 10 characters.
    """
    password: String
    """
    Of the second factor, if the account has one.
    """
    code: String
  }
`;
