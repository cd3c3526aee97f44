/** What all actions share: their route, their confirmation, and their record in the audit trail. */
import { createRoute, type z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { audited } from '../../audited.ts'
import type { ConsoleContext } from '../options.ts'
import { Refusal } from '../refusal.ts'
import { answers } from './route.ts'

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

/** Performs an action, and records who did it, and how it ended. */
export async function recorded<Result>(
  context: ConsoleContext,
  c: Context,
  action: string,
  target: string,
  details: Readonly<Record<string, unknown>> | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const actor = await context.actorOf(c.req.raw)
  return recordedAs(context, actor, action, target, details, work)
}

/** As `recorded`, for work that outlives its request. */
export function recordedAs<Result>(
  { store }: ConsoleContext,
  actor: string,
  action: string,
  target: string,
  details: Readonly<Record<string, unknown>> | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  return audited(store, actor, action, target, details, work)
}
