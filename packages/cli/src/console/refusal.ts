/** A request that the console refuses, with the status, the code and the words of the answer. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'

export class Refusal extends Error {
  readonly status: ContentfulStatusCode
  readonly code: string
  readonly title: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: ContentfulStatusCode,
    code: string,
    title: string,
    detail: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail)
    this.status = status
    this.code = code
    this.title = title
    this.headers = headers
  }
}
