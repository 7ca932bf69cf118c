using System.Globalization;

namespace ProductApi;

/// <summary>The figures as a page for people.</summary>
public static class ReportPage
{
    public static string Of(CacheFigures figures) => string.Create(CultureInfo.InvariantCulture, $$"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <title>ProductApi: what the cache saves</title>
        <style>
          body { font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 3rem auto; padding: 0 1rem; }
          td { padding: .25rem 1.5rem .25rem 0; }
          td + td { text-align: right; font-variant-numeric: tabular-nums; }
        </style>
        <h1>What the cache saves</h1>
        <p>Read a few products, more than once: <a href="/products/1">1</a>, <a href="/products/2">2</a>,
           <a href="/products/3">3</a>. The same figures as JSON: <a href="/cache">/cache</a>.</p>
        <table>
          <tr><td>Hits<td>{{figures.Hits}}
          <tr><td>Misses<td>{{figures.Misses}}
          <tr><td>A hit takes<td>{{figures.HitMilliseconds:0.000}} ms
          <tr><td>A miss takes<td>{{figures.MissMilliseconds:0.000}} ms
          <tr><td>Time saved so far<td>{{figures.SavedMilliseconds:0.0}} ms
          <tr><td>Products in the cache<td>{{figures.Entries}}
          <tr><td>Memory that they take<td>{{figures.Bytes}} bytes
        </table>
        </html>
        """);
}
