/** What all actions share: their route, their confirmation, and their record in the audit trail. */
import { createRoute, type z } from '@hono/zod-openapi'
import { audited } from '../../audited.ts'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'
import { answers, limitOf } from './route.ts'

/** A route `POST path` with a JSON body. */
export function actionRoute<Path extends string, Body extends z.ZodType, Answer extends z.ZodType>(
  path: Path,
  summary: string,
  body: Body,
  answer: Answer,
) {
  return createRoute({
    method: 'post',
    path,
    summary,
    request: { body: { required: true, content: { 'application/json': { schema: body } } } },
    responses: answers('What was done.', answer),
  })
}

/** @throws Refusal if the name was not repeated */
export function checkConfirmed(name: string, confirm: string): void {
  if (confirm === name) return
  const detail = 'This destroys something: `confirm` must repeat the name. Nothing was changed.'
  throw new Refusal(400, 'not-confirmed', 'Not confirmed', detail)
}

/** What an action does to what, as the audit trail records it. */
interface Action {
  readonly action: string
  readonly target: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Performs an action, and records who did it, and how it ended. `results`: what of the result is recorded. */
export async function recorded<Result>(
  context: ConsoleContext,
  request: Request,
  action: Action,
  work: () => Promise<Result>,
  results?: (result: Result) => Readonly<Record<string, unknown>>,
): Promise<Result> {
  const actor = await context.actorOf(request)
  const options = { results, signal: limitOf(context, request), recordTime: context.timeout }
  return audited(context.store, { actor, ...action }, work, options)
}
