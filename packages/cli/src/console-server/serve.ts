/** Runs the console as a server of its own: listens, says where, and ends with Ctrl-C. */
import { randomBytes } from 'node:crypto'
import { hasCode } from '@eventsourced/core'
import { isToken, tokenRule } from '../console/check-options.ts'
import { type Console, console } from '../console/index.ts'
import { libraryCodeOf } from '../console/library-code.ts'
import { scrapedMetrics } from '../console/scraped-metrics.ts'
import type { CommandContext } from '../context.ts'
import { CommandFailure, toldText, wrongUsage } from '../failure.ts'
import { isLoopback, namesOf, shownHost } from './addresses.ts'
import { listen } from './listen.ts'
import { openBrowser } from './open-browser.ts'

export interface ServeOptions {
  readonly host: string
  readonly port: number
  readonly token?: string | undefined
  readonly allowHost?: readonly string[] | undefined
  readonly metrics?: readonly string[] | undefined
  readonly metricsPrefix?: string | undefined
  readonly open?: boolean | undefined
  readonly readOnly: boolean
}

/** How long running jobs have to end, in milliseconds, and how long the process may last after Ctrl-C. */
const endingTime = 1_400
const lastingTime = 1_900

/**
 * Serves the console until the signal of the command is aborted.
 * @throws CommandFailure if the server cannot listen, or another process has the folder of the database
 */
export async function serveConsole(context: CommandContext, options: ServeOptions): Promise<void> {
  const { printer, signal } = context
  const { host, token: given } = options
  if (given !== undefined && !isToken(given)) throw wrongUsage(`The token ${tokenRule}`)
  const made = given === undefined && !isLoopback(host) ? randomBytes(24).toString('base64url') : undefined
  const app = consoleOf(context, options, given ?? made)
  const server = await listen(app.fetch, host, options.port)
  try {
    const place = `http://${shownHost(host)}:${server.port}/`
    const url = made === undefined ? place : `${place}?token=${made}`
    await printer.print({ url }, `The console of ${context.shown}: ${url}`)
    if (given !== undefined) printer.note(`Open ${place}?token=… with the token that you gave.`)
    if (options.open) openBrowser(url, (message) => printer.note(message))
    await Promise.race([probe(context), aborted(signal)])
    await aborted(signal)
    // A database that is away must not hold the process: closing the store can wait for it.
    setTimeout(() => {
      printer.note('The store did not close in time.')
      process.exit(0)
    }, lastingTime).unref()
  } finally {
    await end(app, printer)
    await server.close()
  }
}

function consoleOf(
  { store, shown, config, operator, printer }: CommandContext,
  { host, allowHost = [], metrics, metricsPrefix, readOnly }: ServeOptions,
  token: string | undefined,
): Console {
  return console({
    store,
    name: shown,
    deciders: config.deciders,
    projections: config.projections,
    redact: config.redact,
    hosts: [...namesOf(host), ...allowHost],
    token,
    readOnly,
    actor: () => operator.actor,
    metrics: metrics && scrapedMetrics(metrics, { prefix: metricsPrefix }),
    onError: (error, { method, url }) =>
      printer.note(`${method} ${new URL(url).pathname} failed: ${messageOf(error)}`),
  })
}

/** The page heals itself when the database is back. A folder that another process has is a mistake of the caller. */
async function probe({ store, printer, signal }: CommandContext): Promise<void> {
  try {
    await store.frontier({ signal })
  } catch (error) {
    if (signal.aborted) return
    if (hasCode(error, 'folder-in-use')) {
      throw new CommandFailure(
        `${error.message}. Stop it first; or mount the console in its own server: docs/console.md says how`,
      )
    }
    printer.note(whyNotShown(error))
  }
}

function whyNotShown(error: unknown): string {
  const then = 'The page shows the store as soon as it does.'
  switch (libraryCodeOf(error)) {
    case 'schema-mismatch':
      return `${toldText(error)}.`
    case 'store-unavailable':
      return `The database does not answer yet: ${messageOf(error)}. ${then}`
    default:
      return `The database does not give what the console needs: ${messageOf(error)}. ${then}`
  }
}

async function end(app: Console, printer: CommandContext['printer']): Promise<void> {
  const limit = new Promise<'late'>((resolve) => setTimeout(resolve, endingTime, 'late').unref())
  const cancelled = await Promise.race([app.close(), limit])
  if (cancelled === 'late') {
    printer.note('A job did not end in time. A rebuild can be resumed.')
    return
  }
  for (const { kind, projection } of cancelled) {
    const next = kind === 'rebuild' ? ' Rebuild it again to resume.' : ''
    printer.note(`Cancelled: ${kind} of '${projection}'.${next}`)
  }
}

/** Resolves when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
