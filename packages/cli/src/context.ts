/** What every command has at hand: the store, the output, and the signal of Ctrl-C. */
import type { Command } from 'commander'
import { osActor } from './actor.ts'
import type { Operator } from './audited.ts'
import { wrongUsage } from './failure.ts'
import { Printer, type Terminal } from './output/printer.ts'
import { openTarget, type Target, type TargetOptions } from './target/open.ts'

/** The options that all commands share. */
interface SharedOptions extends TargetOptions {
  readonly json?: boolean | undefined
  readonly readOnly?: boolean | undefined
  readonly actor?: string | undefined
  readonly reason?: string | undefined
}

export interface CommandContext extends Target {
  readonly printer: Printer
  /** Who gave the command. A command that changes the store acts through `audited`. */
  readonly operator: Operator
  /** Aborted by Ctrl-C. A command passes it to every call of the store. */
  readonly signal: AbortSignal
}

/** `creates` and `changes` are refused with `--read-only`. Only `creates` may make tables. */
export type Access = 'reads' | 'changes' | 'creates'

/** Runs the work of commands: opens the store before, closes it after, and passes Ctrl-C on. */
export class Runner {
  readonly terminal: Terminal
  readonly #signal: AbortSignal

  constructor(terminal: Terminal, signal: AbortSignal) {
    this.terminal = terminal
    this.#signal = signal
  }

  /** Runs one command on the store that the options of the command name. */
  async run(
    command: Command,
    access: Access,
    work: (context: CommandContext) => Promise<void>,
  ): Promise<void> {
    const options = command.optsWithGlobals<SharedOptions>()
    if (options.readOnly && access !== 'reads') {
      throw wrongUsage(`'${command.name()}' changes the store, which --read-only forbids`)
    }
    const target = await openTarget(options, access === 'creates')
    try {
      const operator = { actor: options.actor ?? osActor(), reason: options.reason }
      await work({ ...target, printer: this.printer(command), operator, signal: this.#signal })
    } finally {
      await target.store.close()
    }
  }

  printer(command: Command): Printer {
    return new Printer(this.terminal, command.optsWithGlobals<SharedOptions>().json === true)
  }
}
