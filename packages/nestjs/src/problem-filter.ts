/** Answers the errors of the store over HTTP as `@eventsourced/core/http` does. */
import { type ProblemOptions, problem } from '@eventsourced/core/http'
import { type ArgumentsHost, Catch, HttpException, type HttpServer } from '@nestjs/common'
import { BaseExceptionFilter } from '@nestjs/core'

/** What the filter reads of a request of Express or Fastify. */
interface ServedRequest {
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/**
 * Answers an error of the store with problem details (RFC 9457): 412 with the present ETag if the request has named a wrong
 * version in `If-Match`, 409 for other conflicts, 503 while the database is away, and so on. The option `problems` adds your
 * own errors. NestJS answers all other errors as without this filter, and logs them.
 *
 *     app.useGlobalFilters(new ProblemFilter(app.getHttpAdapter()))
 *
 * @throws InvalidInputError if an option is wrong
 */
export class ProblemFilter extends BaseExceptionFilter {
  readonly #options: ProblemOptions

  constructor(adapter: HttpServer, options: ProblemOptions = {}) {
    super(adapter)
    // Checks the options when the application starts, not with the first error.
    problem(undefined, undefined, options)
    this.#options = options
  }

  override catch(error: unknown, host: ArgumentsHost): void {
    const answer = this.#answerTo(error, host)
    if (answer === undefined) super.catch(error, host)
    else void this.#send(answer, host.switchToHttp().getResponse())
  }

  /** Returns `undefined` for an error that NestJS answers. */
  #answerTo(error: unknown, host: ArgumentsHost): Response | undefined {
    if (host.getType() !== 'http' || error instanceof HttpException) return undefined
    const http = host.switchToHttp()
    if (this.applicationRef?.isHeadersSent(http.getResponse())) return undefined
    const answer = problem(error, asFetchRequest(http.getRequest()), this.#options)
    // Only the server can mend it: NestJS logs it, and tells the client nothing.
    return answer.status === 500 ? undefined : answer
  }

  async #send(answer: Response, response: unknown): Promise<void> {
    const body = await answer.text()
    answer.headers.forEach((value, name) => {
      this.applicationRef?.setHeader(response, name, value)
    })
    this.applicationRef?.reply(response, body, answer.status)
  }
}

Catch()(ProblemFilter)

/** The conditions of the request, which decide between 409 and 412. */
function asFetchRequest({ headers }: ServedRequest): Request {
  const conditions = new Headers()
  for (const name of ['if-match', 'if-none-match']) {
    const value = headers[name]
    if (value !== undefined) conditions.set(name, String(value))
  }
  return new Request('http://localhost', { headers: conditions })
}
