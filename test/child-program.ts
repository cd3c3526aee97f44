/** Running a program in a process of its own, and talking with it. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** The test servers do not wait for the disk, of which every store would warn. */
export const quietly = ['--disable-warning=fsync-off']

export interface Program {
  readonly pid: number
  /** The next thing the program said with `process.send`; fails if it ends without a word. */
  said<T>(): Promise<T>
  tell(message: unknown): void
  kill(): Promise<void>
  readonly isRunning: boolean
  /** How it ended: 0 if all went well and no error was left unhandled, with what it wrote to its standard error. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly complaints: string }>
}

/** Starts a TypeScript file from the sources, as the tests themselves run, or a JavaScript file as it is. */
export function startProgram(program: URL, ...programArguments: readonly string[]): Program {
  return start(program, programArguments, [])
}

/** The same with a clock that is so many milliseconds off, or steps to and fro (`steps`). */
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
  imports: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Program {
  const file = fileURLToPath(program)
  const child: ChildProcess = fork(file, programArguments, {
    execArgv: [
      ...quietly,
      ...(file.endsWith('.ts') ? ['--conditions=@eventsourced/source', '--import', 'tsx'] : []),
      ...imports,
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
