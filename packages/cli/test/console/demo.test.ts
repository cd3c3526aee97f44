/** `npm run demo` ends with a command that opens the console on what it has made, and a URL alone is enough for two commands. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { temporaryFolder } from '../../../../test/temporary-folder.ts'
import { streamPageShape, timelineShape } from '../../src/console/shapes/stream.ts'
import { rows, run } from '../run.ts'

const root = new URL('../../../../', import.meta.url)
const { path, remove } = temporaryFolder('demo')
afterAll(() => remove())

it('the command that the demo names opens the console on its events', { timeout: 300_000 }, async () => {
  const words = ['run', '--silent', 'demo', '--', 'demo/sample.jsonl', '--data', join(path, 'it is here')]
  const { stdout } = await promisify(execFile)('npm', words, { cwd: root })
  const command = /npm run console -- .*/.exec(stdout)?.[0]
  expect(command).toContain('pglite:')

  // Its own group, so that Ctrl-C reaches what npm has started. Another program may listen at the default port.
  const shell = spawn('sh', ['-c', `${command} --port 0`], { cwd: root, detached: true })
  const ended = once(shell, 'close')
  try {
    let said = ''
    shell.stdout.on('data', (text: Buffer) => {
      said += text
    })
    shell.stderr.on('data', (text: Buffer) => {
      said += text
    })
    const urlOf = () => /http:\S+/.exec(said)?.[0]
    await Promise.race([ended, expect.poll(urlOf, { timeout: 120_000 }).toBeDefined()])
    expect(urlOf(), said).toBeDefined()
    const url = urlOf()
    const get = async (route: string) => (await fetch(new URL(route, url))).json()
    const { streams } = streamPageShape.parse(await get('api/streams?order=largest'))
    const { stream, events } = timelineShape.parse(await get(`api/stream?id=${streams[0]?.streamId}`))
    expect(stream.version).toBe(events.length)
    expect(await (await fetch(String(url))).text()).toContain('<div id="page">')
  } finally {
    if (shell.exitCode === null) process.kill(-Number(shell.pid), 'SIGINT')
    await ended
  }
})

it('two commands lead from a URL to the timeline of a stream', async () => {
  const folder = join(path, 'two')
  await run('--url', `pglite:${folder}`, 'migrate')
  const line = { stream: 'order-1', type: 'Placed', data: { sku: 'book' } }
  await writeFile(join(path, 'log.jsonl'), `${JSON.stringify(line)}\n`)
  await run('--url', `pglite:${folder}`, 'import', join(path, 'log.jsonl'))

  const [found] = rows(await run('--url', `pglite:${folder}`, 'streams', '--json'))
  const timeline = rows(await run('--url', `pglite:${folder}`, 'stream', found.streamId, '--json'))
  expect(timeline).toMatchObject([{ version: 1, type: 'Placed', data: { sku: 'book' } }])
})
