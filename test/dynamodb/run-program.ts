/** Runs a program on the sources of the library, with the credentials of an emulator. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect } from 'vitest'

const environment = {
  NODE_NO_WARNINGS: '1',
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
}

/** Returns what the program prints. It must print no error. */
export async function run(file: string): Promise<string> {
  const words = ['--conditions=@eventsourced/source', '--import', 'tsx', file]
  const { stdout, stderr } = await promisify(execFile)('node', words, {
    env: { ...process.env, ...environment },
  })
  expect(stderr).toBe('')
  return stdout
}
