/** Runs `eventsourced console` as a process of its own, from its sources. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { quietly } from '../../../../test/child-program.ts'

const program = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const startTime = 60_000
const endTime = 10_000

export interface ConsoleProcess {
  /** Where the page is, with a slash at its end. */
  readonly url: string
  /** Presses Ctrl-C, and waits for the end. Resolves to the exit code. */
  stop(): Promise<number | null>
}

export interface ConsoleProcessOptions {
  /** Variables beside those of this process. @default none */
  readonly environment?: Readonly<Record<string, string>> | undefined
  /** Where the process starts. @default the folder of this process */
  readonly folder?: string | undefined
}

/**
 * Starts the command and waits until it says where the page is.
 * @throws Error with what the process has complained about, if it ends before
 */
export async function startConsole(
  words: readonly string[],
  { environment = {}, folder }: ConsoleProcessOptions = {},
): Promise<ConsoleProcess> {
  const child = spawn(
    process.execPath,
    [
      ...quietly,
      '--conditions=@eventsourced/source',
      '--import=tsx',
      program,
      ...words,
      ...['--json', 'console', '--port', '0'],
    ],
    { cwd: folder, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const ended = once(child, 'close')
  let complaints = ''
  child.stderr.on('data', (text: Buffer) => {
    complaints += text
  })
  const late = setTimeout(() => child.kill('SIGKILL'), startTime)
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    ended.then(() => undefined),
  ])
  clearTimeout(late)
  if (line === undefined) throw new Error(`The console ended before it was there: ${complaints}`)
  const { url } = JSON.parse(line) as { url: string }
  return {
    url,
    async stop() {
      child.kill('SIGINT')
      const forced = setTimeout(() => child.kill('SIGKILL'), endTime)
      const [exitCode] = await ended
      clearTimeout(forced)
      return exitCode as number | null
    },
  }
}
