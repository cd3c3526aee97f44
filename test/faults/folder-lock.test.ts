/** The folder of an embedded database admits one process at a time, and can be opened after that process was killed. */
import {
  cpSync,
  existsSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { FolderInUseError } from '@eventsourced/core'
import { type PostgresStore, postgresStore } from '@eventsourced/core/postgres'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { lockFolder, startTimeOf } from '../../src/postgres/folder-lock.ts'
import { type Program, startProgram } from '../postgres/programs.ts'

type Word = { readonly acknowledged?: number; readonly refused?: string }

let prepared: string
let home: string
let folder: string
let lockFile: string
let opened: PostgresStore[]
let programs: Program[]

const newHome = () => realpathSync(mkdtempSync(join(tmpdir(), 'eventsourced-folder-')))

// Creating a database takes far longer than opening one. So it is created once and then copied.
beforeAll(async () => {
  prepared = newHome()
  const store = postgresStore(`pglite:${join(prepared, 'data')}`)
  await store.schema.create()
  await store.close()
})

afterAll(() => rmSync(prepared, { recursive: true, force: true }))

beforeEach(() => {
  home = newHome()
  folder = join(home, 'data')
  cpSync(join(prepared, 'data'), folder, { recursive: true })
  lockFile = `${folder}.lock`
  opened = []
  programs = []
})

afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()))
  await Promise.all(programs.map((program) => program.kill()))
  rmSync(home, { recursive: true, force: true })
})

function open(place = folder): PostgresStore {
  const store = postgresStore(`pglite:${place}`)
  opened.push(store)
  return store
}

async function startOwner(streamId = 'counter'): Promise<Program> {
  const program = startProgram('folder-owner', folder, streamId)
  programs.push(program)
  expect(await program.said()).toBe('ready')
  return program
}

async function numbersIn(store: PostgresStore): Promise<number[]> {
  const { events } = await store.readStream<{ type: 'Counted'; data: { number: number } }>('counter')
  return events.map(({ data }) => data.number)
}

/** Lets the program append, and kills it meanwhile. Returns the number of the last acknowledged event. */
async function appendAndKill(program: Program): Promise<number> {
  program.tell('go')
  let acknowledged = 0
  while (acknowledged < 25) acknowledged = (await program.said<Word>()).acknowledged ?? 0
  await program.kill()
  return acknowledged
}

describe('a second opening', () => {
  it('is refused in the same process, until the first is closed', async () => {
    const first = open()
    await first.append('counter', [{ type: 'Counted', data: { number: 1 } }])
    const second = open()
    const refusal = await second.streamInfo('counter').catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(FolderInUseError)
    expect(refusal).toMatchObject({
      code: 'folder-in-use',
      folder,
      owner: expect.stringContaining(`${process.pid}`),
    })
    expect(String(refusal)).toContain(lockFile)

    await first.close()
    expect(existsSync(lockFile)).toBe(false)
    // The refused store still works: it opens the folder now.
    expect(await numbersIn(second)).toEqual([1])
  })

  it('is refused to another process, which names the owner', async () => {
    await open().append('counter', [{ type: 'Counted', data: { number: 1 } }])
    const other = await startOwner()
    other.tell('go')
    const { refused } = await other.said<Word>()
    expect(refused).toContain(`${process.pid}`)
    expect(await other.ended).toMatchObject({ exitCode: 0 })
  })

  it('is refused with the name of an owner who writes it a moment after it has locked the folder', async () => {
    writeFileSync(lockFile, '')
    const owner = { pid: process.ppid, host: hostname(), started: startTimeOf(process.ppid) }
    setTimeout(() => writeFileSync(lockFile, JSON.stringify(owner)), 100)
    await expect(lockFolder(folder)).rejects.toThrow(`process ${process.ppid} on ${hostname()}`)
    rmSync(lockFile)
  })

  it('is refused, within seconds, if the owner never writes its name', async () => {
    writeFileSync(lockFile, '')
    await expect(lockFolder(folder)).rejects.toThrow('a process that has not written its name yet')
    rmSync(lockFile)
  })

  it('is refused for every name of the folder', async () => {
    await open().append('counter', [{ type: 'Counted', data: { number: 1 } }])
    const link = join(home, 'link')
    symlinkSync(folder, link)
    for (const name of [link, `${folder}/`, relative(process.cwd(), folder), join(folder, '..', 'data')]) {
      await expect(open(name).streamInfo('counter'), name).rejects.toThrow(FolderInUseError)
    }
  })

  it('is possible for another folder beside it', async () => {
    await open().append('counter', [{ type: 'Counted', data: { number: 1 } }])
    cpSync(join(prepared, 'data'), join(home, 'data2'), { recursive: true })
    expect(await numbersIn(open(join(home, 'data2')))).toEqual([])
  })
})

describe('after its owner was killed', () => {
  it('the folder opens, and holds every acknowledged event', async () => {
    const acknowledged = await appendAndKill(await startOwner())
    expect(existsSync(lockFile)).toBe(true)
    const store = open()
    const numbers = await numbersIn(store)
    // There may be one more event than acknowledged: the process was killed before it reported that one.
    expect(numbers).toEqual(numbers.map((_, index) => index + 1))
    expect(numbers.length).toBeGreaterThanOrEqual(acknowledged)
    await store.append('counter', [{ type: 'Counted', data: { number: 0 } }], {
      expectedVersion: numbers.length,
    })
  })

  it('one of two processes that race for it wins, and the other is refused', async () => {
    const acknowledged = await appendAndKill(await startOwner())
    const racers = await Promise.all([startOwner(), startOwner()])
    for (const racer of racers) racer.tell('go')
    const words = await Promise.all(racers.map((racer) => racer.said<Word>()))
    const winner = racers[words.findIndex((word) => word.acknowledged !== undefined)] as Program
    expect(words.find((word) => word.refused !== undefined)?.refused).toContain(`${winner.pid}`)
    await winner.kill()
    const numbers = await numbersIn(open())
    expect(numbers.slice(0, acknowledged)).toEqual(
      Array.from({ length: acknowledged }, (_, index) => index + 1),
    )
    expect(numbers.filter((number) => number === 1)).toHaveLength(2)
  })

  it('one of eight that race for it wins, in each of 15 races', async () => {
    for (let race = 1; race <= 15; race++) {
      writeFileSync(
        lockFile,
        JSON.stringify({ pid: process.pid, host: hostname(), started: 'some other time' }),
      )
      const results = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
      const winners = results.filter((result) => result.status === 'fulfilled')
      expect(winners, `race ${race}`).toHaveLength(1)
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(FolderInUseError)
      }
      await winners[0]?.value()
    }
  })

  it('a later process with the same pid does not count as the owner', async () => {
    const own = { pid: process.pid, host: hostname() }
    writeFileSync(lockFile, JSON.stringify({ ...own, started: 'some other time' }))
    expect(await numbersIn(open())).toEqual([])
  })
})

describe('a lock whose owner cannot be looked up', () => {
  const ago = (milliseconds: number) => new Date(Date.now() - milliseconds)

  it.each([
    ['from another machine', JSON.stringify({ pid: 1, host: 'elsewhere', started: '1' })],
    ['from a process that was killed while it wrote the file', '{"pid":'],
  ])('%s is respected while it is fresh, and taken over once its heartbeat is old', async (_, text) => {
    writeFileSync(lockFile, text)
    await expect(open().streamInfo('counter')).rejects.toThrow(FolderInUseError)
    utimesSync(lockFile, ago(60_000), ago(60_000))
    expect(await numbersIn(open())).toEqual([])
  })
})
