/** Asks before a command destroys something: the caller types the name of it. */

import { CommandFailure, wrongUsage } from './failure.ts'
import type { Terminal } from './output/printer.ts'

/**
 * Resolves once the caller has named what is destroyed: with `--yes NAME`, or in a dialog.
 * @throws CommandFailure if the name differs, or nobody can be asked
 */
export async function confirmed(
  terminal: Terminal,
  name: string,
  consequence: string,
  yes: string | undefined,
): Promise<void> {
  if (yes !== undefined) {
    if (yes === name) return
    throw wrongUsage(`--yes names '${yes}', but the command is about '${name}'. Nothing was changed`)
  }
  if (!terminal.isInteractive) throw wrongUsage(`${consequence} Add --yes ${name} if you mean it`)
  const { isCancel, text } = await import('@clack/prompts')
  const answer = await text({ message: `${consequence} Type '${name}' to continue.` })
  if (isCancel(answer) || answer !== name) throw new CommandFailure('Nothing was changed')
}
