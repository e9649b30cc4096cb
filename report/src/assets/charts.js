// SPDX-License-Identifier: Apache-2.0
// Draws the panes of the run on one time axis with uPlot: linked cursor, zoom, keyboard. The pictures that the tool wrote stay in
// the page; they are shown where this script does not run, and in print.
(() => {
  'use strict';

  const holder = document.getElementById('panes');
  const source = document.getElementById('chart-data');
  if (!holder || !source || typeof DecompressionStream === 'undefined') return;

  const unpack = async () => {
    const packed = Uint8Array.from(atob(JSON.parse(source.textContent)), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Response(stream).json();
  };

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  const significant = (value) => {
    if (!value) return '0';
    const places = Math.min(9, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
    return String(Number(value.toFixed(places)));
  };
  const short = (value) => {
    for (const [size, unit] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
      if (Math.abs(value) >= size) return significant(value / size) + unit;
    }
    return significant(value);
  };
  const inUnit = {
    'per second': (value) => `${significant(value)}/s`,
    count: significant,
    milliseconds: (value) => (value >= 1000 ? `${significant(value / 1000)} s` : `${significant(value)} ms`),
    percent: (value) => `${significant(value)}%`,
  };
  const onAxis = (unit) => (unit === 'per second' || unit === 'count' ? short : inUnit[unit]);
  const clock = (seconds) => {
    const tenths = Math.round(Math.abs(seconds) * 10);
    const [whole, tenth] = [Math.floor(tenths / 10), tenths % 10];
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (number) => String(number).padStart(2, '0');
    const sign = seconds < 0 && tenths > 0 ? '−' : '';
    const text = hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
    return sign + text + (tenth ? `.${tenth}` : '');
  };

  // Steps that people count time in.
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400];

  const start = (data) => {
    const { from, to } = data;
    let plots = [];
    let shown = [from, to];
    let at = null;

    const readout = document.getElementById('readout');
    const outputs = data.panes.map((pane) =>
      pane.lines.map((_, index) => document.getElementById(`value-${pane.id}-${index}`)));

    const widthOf = () => Math.max(240, holder.clientWidth);

    const zoom = (min, max) => {
      const least = Math.min(2, to - from);
      if (max - min < least) [min, max] = [(min + max - least) / 2, (min + max + least) / 2];
      if (min < from) [min, max] = [from, max + from - min];
      if (max > to) [min, max] = [Math.max(from, min + to - max), to];
      shown = [min, Math.min(max, to)];
      for (const plot of plots) plot.setScale('x', { min: shown[0], max: shown[1] });
    };

    // The last known value at or before an instant for steps, the nearest for others; nothing in a gap.
    const indexAt = (pane, second) => {
      let [low, high] = [0, pane.seconds.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (pane.seconds[middle] <= second) low = middle;
        else high = middle - 1;
      }
      return low;
    };
    const valueAt = (pane, line, second) => {
      const index = indexAt(pane, second);
      const next = Math.min(index + 1, pane.seconds.length - 1);
      const nearer = !line.stepped && pane.seconds[next] - second < second - pane.seconds[index] ? next : index;
      return line.values[nearer];
    };

    const tell = (second, aloud) => {
      at = second;
      const told = [];
      data.panes.forEach((pane, paneIndex) => {
        pane.lines.forEach((line, index) => {
          const value = second === null ? null : valueAt(pane, line, second);
          const text = value === null || value === undefined ? '' : inUnit[pane.unit](value);
          const output = outputs[paneIndex][index];
          if (output) output.textContent = text;
          if (text) told.push(`${pane.title}, ${line.name} ${text}`);
        });
      });
      const stage = second === null ? undefined : data.stages.find((each) => second >= each.from && second < each.to);
      const time = second === null ? '' : `At ${clock(second)}${stage ? `, ${stage.name}` : ''}`;
      // Spoken only when moved by key: a pointer would never stop talking.
      readout.setAttribute('aria-live', aloud ? 'polite' : 'off');
      readout.textContent = aloud ? `${time}: ${told.join('; ')}` : time;
    };

    const place = (second, aloud) => {
      for (const plot of plots) {
        const left = plot.valToPos(second, 'x');
        plot.setCursor({ left, top: 1 }, false, false);
      }
      tell(second, aloud);
    };

    const marks = (pane, isFirst) => (plot) => {
      const { ctx, bbox } = plot;
      const ratio = devicePixelRatio || 1;
      const across = (second) => Math.round(plot.valToPos(second, 'x', true));
      ctx.save();
      ctx.beginPath();
      ctx.rect(bbox.left, bbox.top - 14 * ratio, bbox.width, bbox.height + 14 * ratio);
      ctx.clip();
      ctx.lineWidth = ratio;
      ctx.strokeStyle = colour('faint');
      ctx.setLineDash([ratio, 4 * ratio]);
      const vertical = (second) => {
        const x = across(second) + 0.5;
        ctx.beginPath();
        ctx.moveTo(x, bbox.top);
        ctx.lineTo(x, bbox.top + bbox.height);
        ctx.stroke();
      };
      for (const stage of data.stages) vertical(stage.from);
      ctx.font = `${11 * ratio}px system-ui, sans-serif`;
      if (isFirst) {
        ctx.fillStyle = colour('faint');
        ctx.textAlign = 'left';
        for (const stage of data.stages) {
          const [left, right] = [Math.max(across(stage.from), bbox.left), across(stage.to)];
          if (ctx.measureText(stage.name).width < right - left - 6 * ratio) ctx.fillText(stage.name, left + 4 * ratio, bbox.top - 3 * ratio);
        }
      }
      if (pane.scaling) {
        ctx.setLineDash([]);
        ctx.textAlign = 'center';
        let free = -Infinity;
        for (const mark of data.marks) {
          const name = { up: 'ready', down: 'demand', bad: 'bad' }[mark.kind];
          if (!name) continue;
          ctx.strokeStyle = ctx.fillStyle = colour(name);
          const x = across(mark.at);
          if (x < free) continue;
          vertical(mark.at);
          ctx.fillText(mark.sign, x, bbox.top - 2 * ratio);
          free = x + 11 * ratio;
        }
      }
      ctx.strokeStyle = ctx.fillStyle = colour('limit');
      ctx.setLineDash([10 * ratio, 4 * ratio, 2 * ratio, 4 * ratio]);
      ctx.textAlign = 'left';
      ctx.lineWidth = 1.5 * ratio;
      for (const limit of pane.limits) {
        const text = `${limit.name} ${inUnit[pane.unit](limit.value)}`;
        if (limit.value > plot.scales.y.max || limit.value < plot.scales.y.min) continue;
        const y = Math.round(plot.valToPos(limit.value, 'y', true)) + 0.5;
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
        const [left, base] = [bbox.left + 6 * ratio, y - bbox.top < 14 * ratio ? y + 12 * ratio : y - 4 * ratio];
        // Readable above whatever runs behind it.
        ctx.save();
        ctx.setLineDash([]);
        ctx.strokeStyle = colour('ground');
        ctx.lineWidth = 4 * ratio;
        ctx.strokeText(text, left, base);
        ctx.restore();
        ctx.fillText(text, left, base);
      }
      ctx.restore();
    };

    // Lines at 1, 2 and 5 times a power of ten: more would be a wall.
    const logSplits = (plot, axis, min, max) => {
      const splits = [];
      for (let power = Math.floor(Math.log10(min)); power <= Math.ceil(Math.log10(max)); power++) {
        for (const digit of [1, 2, 5]) {
          const split = digit * 10 ** power;
          if (split >= min * 0.999 && split <= max * 1.001) splits.push(split);
        }
      }
      return splits;
    };

    const options = (pane, isFirst, isLast) => {
      const axis = { stroke: colour('faint'), grid: { stroke: colour('rule'), width: 1 }, ticks: { show: false } };
      const stepped = uPlot.paths.stepped({ align: 1 });
      const limits = pane.limits.map((limit) => limit.value);
      const range = (plot, min, max) => {
        const near = limits.filter((limit) => max === null || limit <= max * 3);
        if (pane.log) {
          const low = Math.max(1e-3, min || 1);
          return uPlot.rangeLog(low, Math.max(low * 1.1, max || 1, ...near), 10, false);
        }
        const high = Math.max(0, max || 0, ...near);
        return [0, high > 0 ? high * 1.06 : 1];
      };
      return {
        width: widthOf(),
        height: pane.height + (isLast ? 26 : 0),
        padding: [14, 24, 2, 0],
        legend: { show: false },
        focus: { alpha: 1 },
        cursor: {
          y: false,
          sync: { key: 'run', setSeries: false, scales: ['x', null] },
          drag: { x: true, y: false, setScale: false },
          points: { show: false },
          bind: { dblclick: () => () => { zoom(from, to); return null; } },
        },
        scales: {
          x: { time: false, auto: false, min: shown[0], max: shown[1] },
          y: pane.log ? { distr: 3, log: 10, range } : { range },
        },
        axes: [
          { ...axis, show: true, size: isLast ? 30 : 2, incrs: steps, space: 70,
            values: (_, ticks) => ticks.map((tick) => (isLast ? clock(tick) : '')) },
          { ...axis, size: 64, space: 26, ...(pane.log ? { splits: logSplits } : {}), values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : onAxis(pane.unit)(tick))) },
        ],
        bands: pane.bands.map(([upper, lower]) => ({ series: [upper + 1, lower + 1], fill: colour('band') })),
        series: [
          {},
          ...pane.lines.map((line) => ({
            label: line.name,
            stroke: colour(line.role),
            width: 1.8,
            dash: line.dashes,
            points: { show: false },
            paths: line.stepped ? stepped : undefined,
          })),
        ],
        hooks: {
          draw: [marks(pane, isFirst)],
          setCursor: [(plot) => {
            const { left } = plot.cursor;
            // Only the one under the pointer has an event; the others follow it.
            if (plot.cursor.event) tell(left < 0 ? null : plot.posToVal(left, 'x'), false);
          }],
          setSelect: [(plot) => {
            const { left, width } = plot.select;
            if (width > 4 && plot.cursor.event) zoom(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          }],
        },
      };
    };

    const draw = () => {
      for (const plot of plots) plot.destroy();
      const drawn = data.panes.map((pane, index) => {
        const columns = [pane.seconds, ...pane.lines.map((line) => line.values)];
        const place = document.getElementById(`pane-${pane.id}`);
        return new uPlot(options(pane, index === 0, index === data.panes.length - 1), columns, place);
      });
      plots = drawn;
    };

    const middle = () => (at === null ? (shown[0] + shown[1]) / 2 : at);
    const keys = {
      ArrowLeft: (event) => place(Math.max(shown[0], middle() - (shown[1] - shown[0]) / (event.shiftKey ? 10 : 100)), true),
      ArrowRight: (event) => place(Math.min(shown[1], middle() + (shown[1] - shown[0]) / (event.shiftKey ? 10 : 100)), true),
      Home: () => place(shown[0], true),
      End: () => place(shown[1], true),
      '+': () => closer(0.5),
      '=': () => closer(0.5),
      '-': () => closer(2),
      Escape: () => zoom(from, to),
    };
    const closer = (factor) => {
      const half = ((shown[1] - shown[0]) * factor) / 2;
      zoom(middle() - half, middle() + half);
      place(middle(), false);
    };
    holder.addEventListener('keydown', (event) => {
      const act = keys[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey || event.target.closest('button')) return;
      event.preventDefault();
      act(event);
    });
    document.getElementById('zoom-in').addEventListener('click', () => closer(0.5));
    document.getElementById('zoom-out').addEventListener('click', () => closer(2));
    document.getElementById('zoom-all').addEventListener('click', () => zoom(from, to));

    document.documentElement.classList.add('live');
    draw();
    let width = widthOf();
    new ResizeObserver(() => {
      if (widthOf() === width) return;
      width = widthOf();
      plots.forEach((plot, index) => plot.setSize({ width, height: plot.height }));
    }).observe(holder);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
    // For tests, and for whoever looks from the console.
    window.upsurgeReport = { data, zoom, place, shown: () => shown, plots: () => plots };
  };

  unpack().then(start).catch((error) => {
    document.documentElement.classList.remove('live');
    console.error('the charts could not be drawn; the pictures stay', error);
  });
})();
