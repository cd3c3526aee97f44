/** Light or dark: as the system says, or as the user has chosen on this device. */
import { useEffect, useState } from 'preact/hooks'

export type Theme = 'system' | 'light' | 'dark'
const key = 'eventsourced-theme'

export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  const [theme, setTheme] = useState<Theme>(storedTheme)
  useEffect(() => {
    document.documentElement.dataset.theme = theme
  }, [theme])
  const choose = (chosen: Theme) => {
    setTheme(chosen)
    try {
      localStorage.setItem(key, chosen)
    } catch {
      // A browser may forbid storage. The choice then lasts until the page is closed.
    }
  }
  return [theme, choose]
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(key)
    return stored === 'light' || stored === 'dark' ? stored : 'system'
  } catch {
    return 'system'
  }
}
