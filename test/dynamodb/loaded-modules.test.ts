/** Tests which modules of the library a program loads: one that appends needs no administration. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Ground, oneEmulator, startGround } from './ground.ts'
import { run } from './run-program.ts'

// Inside the package, so that the package's own subpaths resolve; ignored by git.
const folder = '.demo/loaded-modules'
let ground: Ground
beforeAll(async () => {
  ground = await startGround(oneEmulator[0] as 'dynoxide')
  mkdirSync(folder, { recursive: true })
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await ground?.end()
})

const hooks = `
import { writeSync } from 'node:fs'
export async function load(url, context, next) {
  const [, file] = /\\/src\\/(.+\\.ts)$/.exec(url.split('?')[0]) ?? []
  if (file !== undefined) writeSync(1, 'loaded ' + file + '\\n')
  return next(url, context)
}`

/** Runs a program, and returns the files of the library that it loads, in order. */
async function loadedBy(name: string, program: string): Promise<string[]> {
  const register = `import { register } from 'node:module'\nregister('./hooks.mjs', import.meta.url)\n`
  writeFileSync(join(folder, 'hooks.mjs'), hooks)
  const file = join(folder, `${name}.mjs`)
  writeFileSync(file, `${register}${program}`)
  const printed = await run(file)
  return [...printed.matchAll(/^loaded (.+)$/gm)].map(([, loaded]) => loaded as string)
}

const administration = /^dynamodb\/(tables\/tables-status|(repair|templates)\/.*)\.ts$/

it('a program that appends loads neither repair nor templates', async () => {
  const options = `{ endpoint: '${ground.endpoint}', table: '${ground.table()}' }`
  const open = `const { dynamodbStore } = await import('@eventsourced/core/dynamodb')
    const store = dynamodbStore(${options})
    await store.append('a', [{ type: 'Counted', data: 1 }])
    for await (const event of store.readAll()) break`
  const hot = await loadedBy('hot', `${open}\nawait store.close()`)
  expect(hot).toContain('dynamodb/store.ts')
  expect(hot.filter((file) => administration.test(file))).toEqual([])

  const operated = await loadedBy(
    'operated',
    `${open}\nawait store.schema.status()\nawait store.schema.repair()\nawait store.close()`,
  )
  const later = operated.filter((file) => !hot.includes(file))
  expect(later).toContain('dynamodb/tables/tables-status.ts')
  expect(later).toContain('dynamodb/repair/repair.ts')
  expect(later.filter((file) => !administration.test(file))).toEqual([])
})

it('a Lambda function loads neither repair nor templates', async () => {
  const files = await loadedBy(
    'lambda',
    `const { dynamodbStore } = await import('@eventsourced/core/dynamodb')
    const { lambdaHandler } = await import('@eventsourced/core/dynamodb/lambda')
    const store = dynamodbStore({ endpoint: '${ground.endpoint}', table: '${ground.table()}' })
    const handler = lambdaHandler(store, [{ name: 's', handle() {} }])
    await handler({}, { getRemainingTimeInMillis: () => 10_000 })
    await store.close()`,
  )
  expect(files).toContain('dynamodb/lambda/handler.ts')
  expect(files.filter((file) => administration.test(file))).toEqual([])
})

it('a program that prints templates opens no store', async () => {
  const files = await loadedBy(
    'templates',
    `const { iamPolicy } = await import('@eventsourced/core/dynamodb/templates')\niamPolicy()`,
  )
  expect(files).toContain('dynamodb/templates/iam-policy.ts')
  expect(files).not.toContain('dynamodb/requests/connection.ts')
  expect(files).not.toContain('dynamodb/store.ts')
})

it('a program that decodes items opens no store, and loads no SDK', async () => {
  const files = await loadedBy(
    'items',
    `const { kindOf } = await import('@eventsourced/core/dynamodb/items')\nkindOf({})`,
  )
  expect(files).toContain('dynamodb/items/index.ts')
  expect(files).not.toContain('dynamodb/requests/client.ts')
  expect(files).not.toContain('dynamodb/store.ts')
})
