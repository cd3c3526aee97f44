/** What an emulator cannot do, put between the store and its client: requests that fail, late, or after they were done. */
import type { DynamoDBClient } from '@aws-sdk/client-dynamodb'

export interface Request {
  /** As `PutItem`. */
  readonly command: string
  readonly input: Record<string, unknown>
}

export interface Faults {
  /** Asked before each request: an error, with which it fails without having been sent. It may take its time. */
  before(fault: (request: Request) => Promise<Error | undefined> | Error | undefined): void
  /** Asked after each request that writes and was done: an error that comes in place of its answer. */
  afterWrites(fault: (request: Request) => Promise<Error | undefined> | Error | undefined): void
  /** Changes what is answered. */
  answering(change: (request: Request, output: Record<string, unknown>) => void): void
  clear(): void
}

const writes = new Set(['PutItem', 'UpdateItem', 'DeleteItem', 'TransactWriteItems', 'BatchWriteItem'])

export function faulty(client: DynamoDBClient): Faults {
  type Fault = Parameters<Faults['before']>[0]
  let before: Fault = () => undefined
  let after: Fault = () => undefined
  let change: Parameters<Faults['answering']>[0] = () => {}
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const command = String(context.commandName).replace(/Command$/, '')
      const request = { command, input: args.input as Record<string, unknown> }
      const early = await before(request)
      if (early !== undefined) throw early
      const result = await next(args)
      const late = writes.has(command) ? await after(request) : undefined
      if (late !== undefined) throw late
      change(request, result.output as unknown as Record<string, unknown>)
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
    answering(answer) {
      change = answer
    },
    clear() {
      before = () => undefined
      after = () => undefined
      change = () => {}
    },
  }
}

/** As the service says it. */
export function serviceError(name: string, facts: object = {}): Error {
  const error = Object.assign(new Error(`${name} on purpose`), { $fault: 'client', $metadata: {}, ...facts })
  error.name = name
  return error
}

/** A transaction that was cancelled, for the first of its items. */
export const cancelled = (code: string, { input }: Request): Error =>
  serviceError('TransactionCanceledException', {
    CancellationReasons: (input.TransactItems as unknown[]).map((_, index) => ({
      Code: index === 0 ? code : 'None',
    })),
  })

/** The answer never came: what was asked may have been done. */
export const lost = (): Error => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
