/** The frame of the page: navigation, the banner while the database is away, keys, and the screen that the address names. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { StoreShape } from '../../src/console/shapes/store.ts'
import { useAway } from './api/connection.ts'
import { useAnswer } from './api/use-answer.ts'
import { focusSearch, moveRow, type Shortcut, useShortcuts } from './keyboard.ts'
import { KeyList } from './parts/key-list.tsx'
import { address, go, useRoute } from './route.ts'
import { screens } from './screens/index.ts'
import { StoreContext, unknownStore } from './store.ts'
import { type Theme, useTheme } from './theme.ts'

export function App() {
  const route = useRoute()
  const away = useAway()
  const { answer: store } = useAnswer<StoreShape>('store', {}, { keep: true })
  const [isHelpOpen, setIsHelpOpen] = useState(false)
  const shortcuts = useMemo(() => shortcutsOf(() => setIsHelpOpen(true)), [])
  useShortcuts(shortcuts)
  const screen = screens.find(({ name, parts }) => name === route.screen || parts?.includes(route.screen))
  const Shown = screen?.shown
  const main = useRef<HTMLElement>(null)
  const title = [route.params.id ?? route.params.name, screen?.title].filter(Boolean).join(' · ')
  useEffect(() => {
    document.title = `${title} · ${store?.name ?? 'event store'}`
  }, [title, store?.name])

  // Another screen begins at its top, and a narrow navigation shows where it is.
  useEffect(() => {
    scrollTo(0, 0)
    document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [route.screen])

  const frame = (
    <div class="frame">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="side">
        <p class="store" title={store?.name}>
          {store?.name ?? '…'}
          {store?.isReadOnly && <span class="badge">read-only</span>}
        </p>
        <nav aria-label="Screens">
          {screens
            .filter(({ isHidden }) => !isHidden)
            .map(({ name, title, key }) => (
              <a
                key={name}
                href={address(name)}
                aria-current={screen?.name === name ? 'page' : undefined}
                title={`g ${key}`}
              >
                {title}
              </a>
            ))}
        </nav>
        <div class="choices">
          <ThemeChoice />
          <button type="button" class="quiet" onClick={() => setIsHelpOpen(true)}>
            Keys <kbd>?</kbd>
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {away !== undefined && (
          <p class="banner" role="status">
            {away} This page tries again by itself, and shows what it has read before.
          </p>
        )}
        {Shown === undefined ? (
          <>
            <h1>No such screen</h1>
            <p>
              This page has no screen “{route.screen}”. <a href={address('overview')}>Overview</a>
            </p>
          </>
        ) : (
          <Shown params={route.params} part={route.screen} />
        )}
      </main>
      {isHelpOpen && <KeyList shortcuts={shortcuts} close={() => setIsHelpOpen(false)} />}
    </div>
  )
  // With or without an answer the tree is the same, so that the screen is not made twice.
  return <StoreContext.Provider value={store ?? unknownStore}>{frame}</StoreContext.Provider>
}

function ThemeChoice() {
  const [theme, choose] = useTheme()
  return (
    <label class="theme">
      Theme{' '}
      <select value={theme} onChange={({ currentTarget }) => choose(currentTarget.value as Theme)}>
        <option value="system">system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  )
}

function shortcutsOf(help: () => void): readonly Shortcut[] {
  return [
    ...screens
      .filter(({ isHidden }) => !isHidden)
      .map(({ name, title, key }) => ({ keys: `g ${key}`, does: title, run: () => go(address(name)) })),
    { keys: '/', does: 'Search', run: focusSearch },
    { keys: 'j', does: 'Next row', run: () => moveRow(1) },
    { keys: 'k', does: 'Previous row', run: () => moveRow(-1) },
    { keys: '?', does: 'This list', run: help },
  ]
}
