"use strict";
// Where the program is by now: what is tried stands in the address of this page, and goes along.
{
  const form = document.getElementById("elsewhere"), input = form.querySelector("input");
  const isOurs = ({ protocol, hostname, pathname }) => protocol === "http:" && ["127.0.0.1", "localhost", location.hostname].includes(hostname) && pathname.length > 1;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim(), there = URL.canParse(text) && new URL(text);
    input.setCustomValidity(there && isOurs(there) ? "" : input.title);
    if (input.reportValidity()) location.assign(`${there.origin}${there.pathname}${location.hash}`);
  });
}
