/** What a request names does not exist. */

export class NotFound extends Error {}
