/** Turns what a handler throws into an answer. */
import { checkFunction } from '../input/checks.ts'
import { optionsOf } from '../input/options.ts'
import { checkResponse } from './check-response.ts'
import { checkedProblemOptions, type ProblemOptions, problem } from './problem.ts'

/** The options of `withProblems`. */
export interface WithProblemsOptions extends ProblemOptions {
  /**
   * Receives each error whose answer is a 500 or higher, because that answer does not show the error.
   * @default console.error
   */
  readonly onError?: ((error: unknown, request: Request) => void) | undefined
}

/** A function that answers a request. `Rest`: further arguments that a server passes, such as the parameters of the route. */
export type RequestHandler<Rest extends readonly unknown[] = readonly unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>

/**
 * Returns a handler that answers as `handler` does, and answers with a `problem` if `handler` throws. If the option
 * `problems` throws, the answer is a 500, and `onError` receives both errors.
 * @throws InvalidInputError if an option is wrong
 */
export function withProblems<Rest extends readonly unknown[]>(
  handler: RequestHandler<Rest>,
  options?: WithProblemsOptions,
): (request: Request, ...rest: Rest) => Promise<Response> {
  checkFunction(handler, 'handler')
  const { onError = (error: unknown) => console.error(error) } = optionsOf(options, ['onError'])
  checkFunction(onError, 'onError')
  const problemOptions = checkedProblemOptions(options)
  const report = (error: unknown, request: Request) => {
    const fail = (mistake: unknown) => console.error(mistake)
    try {
      // It may be async, and a rejection that no code handles would end the process.
      Promise.resolve(onError(error, request)).catch(fail)
    } catch (mistake) {
      fail(mistake)
    }
  }
  return async function answerOrProblem(request, ...rest) {
    try {
      const response = await handler(request, ...rest)
      checkResponse(response)
      return response
    } catch (error) {
      let response: Response
      try {
        response = problem(error, request, problemOptions)
      } catch (mistake) {
        // Of the option `problems`. It must hide neither the answer nor the error.
        report(mistake, request)
        response = problem(undefined)
      }
      if (response.status >= 500) report(error, request)
      return response
    }
  }
}
