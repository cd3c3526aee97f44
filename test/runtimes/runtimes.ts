/** The list of the runtimes, and how each one runs a program. `npm run test:runtimes` installs all but the Node.js that runs the tests. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export interface Runtime {
  readonly name: string
  /** The program, and the words before the file. */
  readonly command: readonly [string, ...string[]]
  /** Whether it knows the syntax `await using`. */
  readonly knowsUsing: boolean
}

/** What a process has printed and how it ended. */
export interface Ended {
  /** The last line of its standard output, as JSON. */
  readonly report: unknown
  /** How long the process ran on after its report, in milliseconds. */
  readonly exitTime: number
  readonly exitCode: number | null
  readonly complaints: string
}

/** After this time a process is killed. */
const longestRun = 100_000

const installed = (path: string) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url))
const node = (version: number) => installed(`node-${version}-${process.arch}/bin/node`)
const bun = installed(`@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : 'x64'}/bin/bun`)
const deno = installed(`@deno/${process.platform}-${process.arch}-glibc/deno`)

/** Runs Miniflare, which needs Node.js 22. */
export const node22: string = node(22)

export const runtimes: readonly Runtime[] = [
  { name: `Node.js ${process.versions.node}`, command: [process.execPath], knowsUsing: false },
  { name: 'Node.js 22', command: [node22], knowsUsing: false },
  { name: 'Node.js 24', command: [node(24)], knowsUsing: true },
  { name: 'Bun', command: [bun], knowsUsing: true },
  {
    name: 'Deno',
    command: [deno, 'run', '--allow-all', '--node-modules-dir=manual', '--no-lock'],
    knowsUsing: true,
  },
]

/** Returns why the runtime cannot run here; undefined if it can. */
export function isMissing({ name, command: [program] }: Runtime): string | undefined {
  return existsSync(program) ? undefined : `there is no ${name} for ${process.platform}-${process.arch}`
}

/** Runs a file until its process ends by itself. `onLine`: called with each line that it prints. */
export async function run(
  { name, command: [program, ...words] }: Runtime,
  file: string,
  programArguments: readonly string[],
  onLine: (line: string) => void = () => {},
): Promise<Ended> {
  // Deno looks for a newer version, and prints that there is one.
  const environment = { ...process.env, DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' }
  const child = spawn(program, [...words, file, ...programArguments], {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  let rest = ''
  let complaints = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const line of parts) {
      lines.push(line)
      onLine(line)
    }
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints += text
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), longestRun)
  const [exitCode, endedAt] = await new Promise<[number | null, number]>((resolve) => {
    child.once('close', (code) => resolve([code, Date.now()]))
  })
  clearTimeout(timer)
  const last = lines.at(-1)
  if (last === undefined || !last.startsWith('{'))
    throw new Error(`${name} ended with code ${exitCode} and no report: ${lines.join('\n')}\n${complaints}`)
  const { report, doneAt } = JSON.parse(last)
  return { report, exitTime: endedAt - doneAt, exitCode, complaints }
}
