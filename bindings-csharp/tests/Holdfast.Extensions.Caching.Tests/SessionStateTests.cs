using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Holdfast.Extensions.Caching.Tests;

/// <summary>The session middleware of ASP.NET Core as it is, over HTTP.</summary>
public sealed class SessionStateTests : IAsyncLifetime
{
    private static readonly TimeSpan IdleTimeout = TimeSpan.FromMinutes(20);
    private readonly string _connectionString = TestNode.ConnectionString("sessions");
    private readonly KeysInMemory _keys = new();
    private HoldfastClient _node = null!;

    public Task InitializeAsync()
    {
        _node = TestNode.Beside(_connectionString);
        return Task.CompletedTask;
    }

    public async Task DisposeAsync() => await _node.DisposeAsync();

    [Fact]
    public async Task A_session_lives_across_requests_and_instances_of_the_application()
    {
        await using var first = await Start();
        await using var second = await Start();
        var browser = new Browser();

        Assert.Equal("1", await browser.Get(first, "/visit"));
        Assert.Equal("2", await browser.Get(first, "/visit"));
        Assert.Equal("3", await browser.Get(second, "/visit"));
        Assert.Equal("1", await new Browser().Get(second, "/visit"));
    }

    [Fact]
    public async Task A_session_that_is_used_within_its_idle_timeout_lives_on_and_ends_after_it()
    {
        await using var application = await Start();
        var browser = new Browser();
        await browser.Get(application, "/visit");

        for (var visit = 2; visit <= 4; visit++)
        {
            _node.AdvanceClock(IdleTimeout - TimeSpan.FromMilliseconds(1));
            // Only read: the middleware refreshes the entry.
            Assert.Equal("1", await browser.Get(application, "/read"));
        }

        _node.AdvanceClock(IdleTimeout);
        Assert.Equal("none", await browser.Get(application, "/read"));
    }

    [Fact]
    public async Task A_session_that_is_loaded_synchronously_and_cleared_is_empty()
    {
        await using var application = await Start();
        var browser = new Browser();
        await browser.Get(application, "/visit");
        await browser.Get(application, "/clear");

        Assert.Equal("none", await browser.Get(application, "/read"));
        Assert.Equal("1", await browser.Get(application, "/visit"));
    }

    private async Task<WebApplication> Start()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseTestServer();
        builder.Services.AddHoldfastDistributedCache(options => options.ConnectionString = _connectionString);
        builder.Services.Configure<KeyManagementOptions>(options => options.XmlRepository = _keys);
        builder.Services.AddSession(options =>
        {
            options.IdleTimeout = IdleTimeout;
            options.Cookie.IsEssential = true;
        });
        var application = builder.Build();
        application.UseSession();
        application.MapGet("/visit", static (HttpContext context) =>
        {
            var visits = (context.Session.GetInt32("visits") ?? 0) + 1;
            context.Session.SetInt32("visits", visits);
            return visits;
        });
        application.MapGet("/read", static async (HttpContext context) =>
        {
            await context.Session.LoadAsync();
            return context.Session.GetInt32("visits")?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none";
        });
        application.MapGet("/clear", static (HttpContext context) => context.Session.Clear());
        await application.StartAsync();
        return application;
    }

    /// <summary>Keeps cookies.</summary>
    private sealed class Browser
    {
        private readonly CookieContainer _cookies = new();

        internal async Task<string> Get(WebApplication application, string path)
        {
            var address = new Uri("http://localhost" + path);
            using var client = application.GetTestClient();
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            if (_cookies.Count > 0)
            {
                request.Headers.Add("Cookie", _cookies.GetCookieHeader(address));
            }

            using var response = await client.SendAsync(request);
            response.EnsureSuccessStatusCode();
            if (response.Headers.TryGetValues("Set-Cookie", out var cookies))
            {
                foreach (var cookie in cookies)
                {
                    _cookies.SetCookies(address, cookie);
                }
            }

            return await response.Content.ReadAsStringAsync();
        }
    }
}
