/** `console`: serves a page that shows the store, and the API that it uses, until Ctrl-C. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Runner } from '../context.ts'
import { collected, wholeNumber } from '../values.ts'

interface ConsoleCommandOptions {
  readonly host: string
  readonly port: number
  readonly token?: string
  readonly allowHost?: readonly string[]
  readonly metrics?: readonly string[]
  readonly metricsPrefix?: string
  readonly open?: boolean
}

export function consoleCommand(runner: Runner): Command {
  return new Command('console')
    .description(
      'Serve a page that shows the store, and mends it unless --read-only is given. Ends with Ctrl-C.',
    )
    .option(
      '--host <address>',
      'the address to listen at; other machines reach only another one',
      '127.0.0.1',
    )
    .option('--port <number>', 'the port; 0 takes any free one', port, 4_000)
    .addOption(
      new Option(
        '--token <secret>',
        'what a browser must show. Made by chance if other machines reach the console',
      ).env('EVENTSOURCED_CONSOLE_TOKEN'),
    )
    .option(
      '--allow-host <name>',
      'a name under which browsers reach the console; may be repeated',
      collected,
    )
    .option(
      '--metrics <url>',
      'where an appending process serves its metrics for Prometheus; may be repeated',
      collected,
    )
    .option('--metrics-prefix <text>', 'how the names of these metrics begin', 'eventsourced_')
    .option(
      '--statement-timeout <milliseconds>',
      'after how long Postgres ends a statement of the console; 0 leaves it to the server, as PgBouncer may demand',
      wholeNumber(0),
      30_000,
    )
    .option('--open', 'open the page in a browser')
    .action((options: ConsoleCommandOptions, command: Command) =>
      runner.run(command, 'reads', async (context) => {
        const { serveConsole } = await import('../console-server/serve.ts')
        const { readOnly = false } = command.optsWithGlobals<{ readOnly?: boolean }>()
        await serveConsole(context, { ...options, readOnly })
      }),
    )
}

function port(text: string): number {
  const value = wholeNumber(0)(text)
  if (value <= 65_535) return value
  throw new InvalidArgumentError('It must be a whole number from 0 to 65535.')
}
