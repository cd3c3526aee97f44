/**
 * `@eventsourced/core/http`: commands, states and streams over HTTP, as functions of fetch's Request and Response, for
 * every framework whose handlers get a Request. `/http/express` and `/http/fastify` adapt the two that have their own.
 */

export type { Answerable, AnswerOptions } from './answer.ts'
export { answer } from './answer.ts'
export type { AtLeastOptions } from './at-least.ts'
export { atLeast } from './at-least.ts'
export type { CommandRequestOptions, RequestedCommand } from './command-options.ts'
export { commandOptions } from './command-options.ts'
export type { JsonBodyOptions } from './json-body.ts'
export { jsonBody } from './json-body.ts'
export { notFound } from './not-found.ts'
export type { ProblemOptions } from './problem.ts'
export { problem } from './problem.ts'
export type { ProblemDetails } from './problem-response.ts'
export { type SseOptions, sse } from './sse.ts'
export type { StreamPageOptions } from './stream-page.ts'
export { streamPage } from './stream-page.ts'
export type { RequestHandler, WithProblemsOptions } from './with-problems.ts'
export { withProblems } from './with-problems.ts'
