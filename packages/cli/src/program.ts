/** The command line: its commands, what they share, and which exit code each outcome has. */
import { Command, CommanderError } from 'commander'
import { NotRecordedError } from './audited.ts'
import { auditCommand } from './commands/audit.ts'
import { checkCommand } from './commands/check.ts'
import { consoleCommand } from './commands/console.ts'
import { copyCommand } from './commands/copy.ts'
import { doctorCommand } from './commands/doctor.ts'
import { eventCommand } from './commands/event.ts'
import { exportCommand } from './commands/export.ts'
import { importCommand } from './commands/import.ts'
import { mcpCommand } from './commands/mcp.ts'
import { migrateCommand } from './commands/migrate.ts'
import { parkedCommand } from './commands/parked.ts'
import { projectionsCommand } from './commands/projections.ts'
import { statsCommand } from './commands/stats.ts'
import { statusCommand } from './commands/status.ts'
import { streamCommand } from './commands/stream.ts'
import { streamsCommand } from './commands/streams.ts'
import { subscriptionsCommand } from './commands/subscriptions.ts'
import { tailCommand } from './commands/tail.ts'
import { traceCommand } from './commands/trace.ts'
import { Runner } from './context.ts'
import { done, failed, interrupted, meanings, usage } from './exit-codes.ts'
import { CommandFailure, toldText, wrongUsage } from './failure.ts'
import { printableLines, type Terminal } from './output/printer.ts'
import { filled } from './values.ts'
import { version } from './version.ts'

const description = 'Shows and mends an event store of @eventsourced/core.'

/** Runs a command line, without the name of the program. Resolves with the exit code, and never rejects. */
export async function runCommandLine(
  words: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { program, exitCode } = programOf(terminal, signal)
  try {
    await program.parseAsync(words, { from: 'user' })
    return exitCode()
  } catch (error) {
    // An operator who interrupts an action must still learn that its end is not recorded.
    const isUnrecorded = error instanceof NotRecordedError && error.outcome !== 'not begun'
    if (signal.aborted && !isUnrecorded) return interrupted
    if (error instanceof CommanderError) return error.exitCode === 0 ? done : usage
    terminal.err(printableLines(`error: ${toldText(error)}`))
    return error instanceof CommandFailure ? error.exitCode : failed
  }
}

function programOf(terminal: Terminal, signal: AbortSignal) {
  const runner = new Runner(terminal, signal)
  let code = done
  const setExitCode = (value: number) => {
    code = value
  }
  const program = new Command('eventsourced')
    .description(description)
    .version(version)
    .option('--url <url>', 'the store: postgres://…, pglite:./folder, dynamodb://region/table?endpoint=…')
    .option('--config <file>', 'a file that exports the store, its deciders and projections')
    .option('--json', 'print JSON Lines')
    .option('--read-only', 'refuse commands that change the store')
    .option('--actor <name>', 'who acts, for `audit` (default: user@host of the operating system)', filled)
    .option('--reason <text>', 'why, for `audit`', filled)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
    .addHelpText(
      'after',
      `\nWithout --url and --config: EVENTSOURCED_URL, or ./eventsourced.config.ts.\n\nExit codes:\n${meanings
        .map(([number, meaning]) => `  ${String(number).padStart(3)}  ${meaning}`)
        .join('\n')}`,
    )
  for (const make of [
    statusCommand,
    doctorCommand,
    statsCommand,
    streamsCommand,
    streamCommand,
    eventCommand,
    tailCommand,
    traceCommand,
    subscriptionsCommand,
    parkedCommand,
    projectionsCommand,
    importCommand,
    exportCommand,
    copyCommand,
    checkCommand,
    migrateCommand,
    auditCommand,
    consoleCommand,
    mcpCommand,
  ]) {
    program.addCommand(withSettingsOf(program, make(runner, setExitCode)))
  }
  return { program, exitCode: () => code }
}

/** Lets a command, and the commands below it, report mistakes as the program does: the exit code and the output are ours. */
function withSettingsOf(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent)
  for (const below of command.commands) withSettingsOf(command, below)
  if (command.commands.length > 0) command.allowExcessArguments().hook('preAction', refuseUnknown)
  return command
}

/** A command that lists by itself would otherwise count the misspelt name of a command below it as an argument. */
function refuseUnknown(command: Command, called: Command): void {
  const [word] = called.args
  if (called !== command || word === undefined) return
  const names = command.commands.map((below) => below.name()).join(', ')
  throw wrongUsage(`unknown command '${command.name()} ${word}': the commands are ${names}`)
}
