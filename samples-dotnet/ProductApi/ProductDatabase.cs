using Microsoft.Data.Sqlite;

namespace ProductApi;

/// <summary>
/// Products and their reviews in SQLite. Reading a product summarizes its reviews, which is work worth caching.
/// </summary>
public sealed class ProductDatabase(IConfiguration configuration)
{
    private readonly string _connectionString =
        configuration.GetConnectionString("Products")
        ?? $"Data Source={Path.Combine(AppContext.BaseDirectory, "products.db")}";

    /// <summary>Creates the tables and fills them, unless they are there.</summary>
    public async Task CreateAsync()
    {
        await using var connection = await OpenAsync(CancellationToken.None);
        await using var create = connection.CreateCommand();
        create.CommandText = """
            CREATE TABLE IF NOT EXISTS products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price TEXT NOT NULL);
            CREATE TABLE IF NOT EXISTS reviews (id INTEGER PRIMARY KEY, product_id INTEGER NOT NULL, stars INTEGER NOT NULL);

            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100)
            INSERT INTO products SELECT n, 'Product ' || n, (10 + n) || '.90' FROM number
            WHERE NOT EXISTS (SELECT 1 FROM products);

            WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20000)
            INSERT INTO reviews SELECT n, 1 + n % 100, 1 + (n / 100) % 5 FROM number
            WHERE NOT EXISTS (SELECT 1 FROM reviews);
            """;
        await create.ExecuteNonQueryAsync();
    }

    public async Task<IReadOnlyList<int>> ListAsync(CancellationToken cancelled)
    {
        await using var connection = await OpenAsync(cancelled);
        await using var select = connection.CreateCommand();
        select.CommandText = "SELECT id FROM products ORDER BY id";
        await using var rows = await select.ExecuteReaderAsync(cancelled);
        var ids = new List<int>();
        while (await rows.ReadAsync(cancelled))
        {
            ids.Add(rows.GetInt32(0));
        }

        return ids;
    }

    public async Task<Product?> FindAsync(int id, CancellationToken cancelled)
    {
        await using var connection = await OpenAsync(cancelled);
        await using var select = connection.CreateCommand();
        select.CommandText = """
            SELECT products.name, products.price, COUNT(reviews.id), COALESCE(AVG(reviews.stars), 0)
            FROM products LEFT JOIN reviews ON reviews.product_id = products.id
            WHERE products.id = $id GROUP BY products.id
            """;
        select.Parameters.AddWithValue("$id", id);
        await using var row = await select.ExecuteReaderAsync(cancelled);
        return await row.ReadAsync(cancelled)
            ? new Product(id, row.GetString(0), row.GetDecimal(1), row.GetInt32(2), row.GetDouble(3))
            : null;
    }

    public async Task<bool> UpdateAsync(int id, ProductChange change, CancellationToken cancelled)
    {
        await using var connection = await OpenAsync(cancelled);
        await using var update = connection.CreateCommand();
        update.CommandText = "UPDATE products SET name = $name, price = $price WHERE id = $id";
        update.Parameters.AddWithValue("$id", id);
        update.Parameters.AddWithValue("$name", change.Name);
        update.Parameters.AddWithValue("$price", change.Price);
        return await update.ExecuteNonQueryAsync(cancelled) == 1;
    }

    private async Task<SqliteConnection> OpenAsync(CancellationToken cancelled)
    {
        var connection = new SqliteConnection(_connectionString);
        await connection.OpenAsync(cancelled);
        return connection;
    }
}
