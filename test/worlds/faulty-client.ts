/**
 * Injects faults between a store and its client: requests that fail, come late, or lose their answer.
 * Emulators have none.
 */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'

/** A request to DynamoDB. */
export interface Request {
  /** The name of the operation, for example `PutItem`. */
  readonly command: string
  readonly input: Record<string, unknown>
}

/** The faults of one client. Each function replaces the previous one of its kind. */
export interface Faults {
  /**
   * Calls `fault` before each request. If it returns an error, the request is not sent and fails with it. It
   * may delay.
   */
  before(fault: (request: Request) => Promise<Error | undefined> | Error | undefined): void
  /**
   * Calls `fault` after each successful write. If it returns an error, the store gets it instead of the
   * answer.
   */
  afterWrites(fault: (request: Request) => Promise<Error | undefined> | Error | undefined): void
  /** Calls `change` with each answer, which it may change. */
  changeAnswers(change: (request: Request, output: Record<string, unknown>) => void): void
  /** Removes all faults. */
  clear(): void
}

const writes = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'BatchWriteItem'])

export function faulty(client: DynamoDBClient): Faults {
  type Fault = Parameters<Faults['before']>[0]
  let before: Fault = () => undefined
  let after: Fault = () => undefined
  let changeAnswer: Parameters<Faults['changeAnswers']>[0] = () => {}
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = String(context.commandName).replace(/Command$/, '')
      const request = { command, input: args.input as Record<string, unknown> }
      const early = await before(request)
      if (early !== undefined) throw early
      const result = await next(args)
      const late = writes.has(command) ? await after(request) : undefined
      if (late !== undefined) throw late
      changeAnswer(request, result.output as unknown as Record<string, unknown>)
      return result
    },
    { step: 'initialize', name: 'faults' },
  )
  return {
    before(fault) {
      before = fault
    },
    afterWrites(fault) {
      after = fault
    },
    changeAnswers(change) {
      changeAnswer = change
    },
    clear() {
      before = () => undefined
      after = () => undefined
      changeAnswer = () => {}
    },
  }
}

/** An error of the service, as the SDK throws it. */
export function serviceError(name: string, facts: object = {}): Error {
  const error = Object.assign(new Error(`${name} on purpose`), { $fault: 'client', $metadata: {}, ...facts })
  error.name = name
  return error
}

/** The error of a cancelled transaction: the code is the reason for its first item. */
export const cancelled = (code: string, { input }: Request): Error =>
  serviceError('TransactionCanceledException', {
    CancellationReasons: (input.TransactItems as unknown[]).map((_, index) => ({
      Code: index === 0 ? code : 'None',
    })),
  })

/** The error of a lost answer: the request may have been carried out. */
export const lost = (): Error => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
