/**
 * Bridge to Prisma with its driver adapter for `pg`. Prisma has error classes and values of its own: the bridge makes
 * of them what `pg` reports and returns.
 */
import { refuse } from '../storage/index.ts'
import type { Row, Session } from './client.ts'
import { TransactionEnded } from './ended-transaction.ts'

/** The part of a Prisma `TransactionClient` that the bridge uses. */
export interface PrismaTransaction {
  // biome-ignore lint/suspicious/noExplicitAny: Prisma declares the values so
  $queryRawUnsafe(query: string, ...values: any[]): PromiseLike<unknown>
  /** Only a whole client has it. */
  readonly $connect?: never
}

/** What Prisma's driver adapter reports about an error. Some kinds of error have no severity and no detail. */
interface AdapterReport {
  readonly kind?: string
  readonly originalCode?: string
  readonly originalMessage?: string
  readonly severity?: string
  readonly detail?: string
  readonly constraint?: { readonly index?: string }
}

const remedy =
  'must be an interactive transaction of Prisma: pass the `tx` that the callback of `prisma.$transaction(async (tx) => …)` receives'

/**
 * Makes a session of an interactive transaction of Prisma, for `store.inTransaction`. Needs Prisma 7 with
 * `@prisma/adapter-pg`.
 * @throws InvalidInputError if it is a Prisma client that is no transaction
 */
export function fromPrisma(transaction: PrismaTransaction): Session {
  const { $queryRawUnsafe, $connect } = (transaction ?? {}) as Partial<
    Record<keyof PrismaTransaction, unknown>
  >
  if (typeof $queryRawUnsafe !== 'function' || $connect !== undefined) {
    refuse('transaction', remedy, transaction)
  }
  async function query(text: string, values: readonly unknown[]): Promise<Row[]> {
    try {
      return (await transaction.$queryRawUnsafe(text, ...values)) as Row[]
    } catch (error) {
      throw asDriverError(error, text)
    }
  }
  return {
    run: ({ text }, parameters) => query(text, parameters),
    query: async (text, values) => (await query(text, values.map(asParameter))).map(asDriverRow),
    client: transaction,
  }
}

/** An error of the server, with the fields of `pg` that Prisma passes on. */
class ServerError extends Error {
  readonly severity: string
  readonly code: string
  readonly detail?: string | undefined
  readonly constraint?: string | undefined
  readonly schema?: string | undefined
  constructor(code: string, report: AdapterReport, text: string, cause: unknown) {
    super(report.originalMessage ?? code, { cause })
    this.code = code
    this.severity = report.severity ?? 'ERROR'
    this.detail = report.detail
    this.constraint = report.constraint?.index
    // Prisma drops the schema of a constraint. The library's own statements name no other schema than that of the store.
    this.schema = /"([^"]+)"\./.exec(text)?.[1]
  }
}

function asDriverError(error: unknown, text: string): unknown {
  const { code, meta } = error as {
    readonly code?: unknown
    readonly meta?: { readonly driverAdapterError?: { readonly cause?: AdapterReport } }
  }
  // P2028: the transaction was committed or rolled back, or took longer than its `timeout`.
  if (code === 'P2028') return new TransactionEnded(error)
  const report = meta?.driverAdapterError?.cause
  if (report?.originalCode !== undefined) return new ServerError(report.originalCode, report, text, error)
  // Prisma cannot read a column that the user selects. No connection was lost.
  if (report?.kind === 'UnsupportedNativeDataType')
    return new TypeError((error as Error).message, { cause: error })
  return error
}

/** Prisma would send a time without its zone, which is wrong in a session whose time zone is not UTC. */
function asParameter(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asParameter)
  return value instanceof Date ? value.toISOString() : value
}

function asDriverRow(row: Row): Row {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asDriverValue(value)]))
}

/** SQL of a projection runs in appends of all kinds, so that it gets the same values from Prisma as from `pg`. */
function asDriverValue(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return value.map(asDriverValue)
  if (value instanceof Uint8Array) return Buffer.from(value)
  const isDecimal = typeof (value as { toFixed?: unknown } | null)?.toFixed === 'function'
  return isDecimal && typeof value === 'object' ? (value as { toFixed(): string }).toFixed() : value
}
