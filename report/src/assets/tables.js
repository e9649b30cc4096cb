// SPDX-License-Identifier: Apache-2.0
// Makes tables sortable, and those with many rows searchable. Without this script they are as the tool wrote them.
(() => {
  'use strict';

  const value = (row, column) => {
    const cell = row.cells[column];
    const number = cell.dataset.value;
    return number === undefined ? cell.textContent.trim() : number === '' ? NaN : Number(number);
  };

  // What has no value comes last, whichever way the others are sorted.
  const compare = (column, sign) => (one, other) => {
    const [a, b] = [value(one, column), value(other, column)];
    const missing = (it) => typeof it === 'number' && Number.isNaN(it);
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return sign * (typeof a === 'number' ? a - b : a.localeCompare(b));
  };

  const sort = (table, header) => {
    const column = header.cellIndex;
    const before = header.getAttribute('aria-sort');
    // Numbers are looked at from the highest.
    const first = header.classList.contains('number') ? 'descending' : 'ascending';
    const other = first === 'ascending' ? 'descending' : 'ascending';
    const now = before === first ? other : first;
    for (const each of table.tHead.rows[0].cells) each.removeAttribute('aria-sort');
    header.setAttribute('aria-sort', now);
    const body = table.tBodies[0];
    const rows = [...body.rows].sort(compare(column, now === 'ascending' ? 1 : -1));
    body.append(...rows);
  };

  const makeSortable = (table) => {
    for (const header of table.tHead.rows[0].cells) {
      if (header.textContent.trim() === '') continue;
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener('click', () => sort(table, header));
    }
  };

  const makeSearchable = (table) => {
    const bar = document.createElement('div');
    bar.className = 'filter';
    const label = document.createElement('label');
    label.textContent = 'Show names that contain';
    const input = document.createElement('input');
    input.type = 'search';
    input.id = `${table.id}-filter`;
    label.htmlFor = input.id;
    const told = document.createElement('output');
    told.setAttribute('for', input.id);
    told.className = 'faint';
    bar.append(label, input, told);
    table.parentElement.before(bar);
    input.addEventListener('input', () => {
      const wanted = input.value.toLocaleLowerCase();
      const rows = [...table.tBodies[0].rows];
      for (const row of rows) row.hidden = !row.cells[0].textContent.toLocaleLowerCase().includes(wanted);
      const shown = rows.filter((row) => !row.hidden).length;
      told.textContent = wanted === '' ? '' : `${shown} of ${rows.length}`;
    });
  };

  for (const table of document.querySelectorAll('table.sortable')) {
    makeSortable(table);
    if (table.tBodies[0].rows.length > 10) makeSearchable(table);
  }
})();
