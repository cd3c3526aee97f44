/** Emptying the tables of a world for the next one: many times faster than making them anew. */
import pg from 'pg'

/** As the server's owner may: also the events, which a trigger protects. A table without rows is left alone. */
export function emptying(schema: string): string {
  return `
    set session_replication_role = replica;
    do $$
    declare
      _table regclass;
      _has_rows boolean;
      _tables regclass[];
    begin
      for _table in select oid from pg_class
        where relnamespace = '${schema}'::regnamespace and relkind = 'r' and relname <> 'migrations'
      loop
        execute format('select exists (select from %s)', _table) into _has_rows;
        if _has_rows then _tables := _tables || _table; end if;
      end loop;
      if _tables is not null then execute 'truncate ' || array_to_string(_tables, ', '); end if;
      alter sequence ${schema}.event_positions restart;
    end $$;
    set session_replication_role = origin`
}

/** The schema of one world after the other, in a database that nobody else uses. */
export class WorldSchemas {
  readonly #cleaner: pg.Client
  #made = 1
  #isInUse = false

  private constructor(cleaner: pg.Client) {
    this.#cleaner = cleaner
  }

  static async in(url: string): Promise<WorldSchemas> {
    const cleaner = new pg.Client({ connectionString: url })
    await cleaner.connect()
    return new WorldSchemas(cleaner)
  }

  enter(): string {
    if (this.#isInUse) throw new Error('The world before has not ended')
    this.#isInUse = true
    return `case_${this.#made}`
  }

  /** Whoever is still at work is thrown out first. */
  async leave(schema: string, options: { readonly mayHaveLatecomers: boolean }): Promise<void> {
    await this.#cleaner.query(
      `select pg_terminate_backend(pid, 10000) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`,
    )
    const { rows } = await this.#cleaner.query(`select from pg_namespace where nspname = '${schema}'`)
    // What was sent through a proxy may yet arrive, and must not find the next world.
    if (options.mayHaveLatecomers) this.#made++
    else if (rows.length > 0) await this.#cleaner.query(emptying(schema))
    this.#isInUse = false
  }

  close(): Promise<void> {
    return this.#cleaner.end()
  }
}

/** Pools that one world after the other uses: connecting is most of what a small world takes. */
export class Pools<Pool> {
  readonly #make: (max: number) => Pool
  readonly #all: Pool[] = []
  readonly #free = new Map<number, Pool[]>()

  constructor(make: (max: number) => Pool) {
    this.#make = make
  }

  /** One with that many connections that nobody has taken. */
  take(max: number): Pool {
    const free = this.#free.get(max)?.pop()
    if (free !== undefined) return free
    const made = this.#make(max)
    this.#all.push(made)
    return made
  }

  giveBack(max: number, pool: Pool): void {
    this.#free.set(max, [...(this.#free.get(max) ?? []), pool])
  }

  async end(end: (pool: Pool) => Promise<unknown>): Promise<void> {
    await Promise.all(this.#all.map(end))
  }
}
