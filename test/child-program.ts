/** Runs a program in a child process, and exchanges messages with it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The test servers run with `fsync` off. Every store would warn of that. */
export const quietly = ['--disable-warning=fsync-off']

/** A child process that runs a program. */
export interface Program {
  readonly pid: number
  /** Resolves with the next message of the program. Rejects if the program ends before it sends one. */
  said<T>(): Promise<T>
  /** Sends a message to the program. */
  tell(message: unknown): void
  /** Kills the process with SIGKILL, and waits until it has ended. */
  kill(): Promise<void>
  readonly isRunning: boolean
  /** Resolves when the process has ended: its exit code (0: success; null: killed by a signal), and its standard error. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly complaints: string }>
}

/** Starts a TypeScript file, which imports the library from its sources as the tests do, or a JavaScript file. */
export function startProgram(program: URL, ...programArguments: readonly string[]): Program {
  return start(program, programArguments, [])
}

/** Starts a program whose heap must not exceed so many megabytes. */
export function startBounded(
  megabytes: number,
  program: URL,
  ...programArguments: readonly string[]
): Program {
  return start(program, programArguments, [`--max-old-space-size=${megabytes}`])
}

/** Starts a program whose clock is off by `clockSkew` milliseconds, or jumps back and forth (`steps`). */
export function startSkewed(
  clockSkew: number | 'steps',
  program: URL,
  ...programArguments: readonly string[]
): Program {
  const clock = new URL('./skewed-clock.ts', import.meta.url)
  return start(program, programArguments, ['--import', clock.href], { CLOCK_SKEW: String(clockSkew) })
}

function start(
  program: URL,
  programArguments: readonly string[],
  nodeOptions: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Program {
  const file = fileURLToPath(program)
  const child: ChildProcess = fork(file, programArguments, {
    execArgv: [
      ...quietly,
      ...(file.endsWith('.ts') ? ['--conditions=@eventsourced/source', '--import', 'tsx'] : []),
      ...nodeOptions,
    ],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
  })
  let complaints = ''
  child.stderr?.on('data', (text: Buffer) => {
    complaints += text
  })
  const ended = once(child, 'close').then(([exitCode]) => ({
    exitCode: exitCode as number | null,
    complaints,
  }))

  const words: unknown[] = []
  const listeners: (() => void)[] = []
  child.on('message', (word) => {
    words.push(word)
    listeners.shift()?.()
  })

  return {
    pid: child.pid as number,
    get isRunning() {
      return child.exitCode === null && child.signalCode === null
    },
    async said<T>() {
      if (words.length === 0) {
        const word = new Promise<void>((resolve) => listeners.push(resolve))
        await Promise.race([word, ended])
      }
      if (words.length === 0) throw new Error(`${file} ended without a word: ${(await ended).complaints}`)
      return words.shift() as T
    },
    tell(message) {
      child.send(message as object)
    },
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    ended,
  }
}
