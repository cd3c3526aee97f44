#!/usr/bin/env node
/** The program `eventsourced`. */
import { once } from 'node:events'
import { runCommandLine } from './program.ts'

const controller = new AbortController()
// The first Ctrl-C ends the command in an orderly way. The second one ends the process at once, as without a listener.
process.once('SIGINT', () => controller.abort(new Error('interrupted by Ctrl-C')))
process.once('SIGTERM', () => controller.abort(new Error('ended by a signal')))
// A reader such as `head` closes the pipe when it has enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  controller.abort(error)
})

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  {
    async out(line) {
      if (process.stdout.write(`${line}\n`)) return
      // Ctrl-C ends the wait for a reader that takes nothing.
      await once(process.stdout, 'drain', { signal: controller.signal }).catch(() => {})
    },
    err: (line) => process.stderr.write(`${line}\n`),
    isInteractive: process.stdin.isTTY === true && process.stdout.isTTY === true,
  },
  controller.signal,
)
