# frozen_string_literal: true

# What `rails new` creates, as far as the files of the guide need it.

require "rails"
require "action_controller/railtie"
require "active_record/railtie"

class Product < Rails::Application
  config.root = __dir__
  config.load_defaults 6.1
  config.eager_load = true
  config.secret_key_base = ENV.fetch("SESSION_SECRET")
  config.session_store :cookie_store
  config.logger = Logger.new($stderr)
  config.filter_parameters = %i[secret token]
end

ENV["DATABASE_URL"] = "sqlite3:#{__dir__}/product.sqlite3"

class ApplicationRecord < ActiveRecord::Base
  self.abstract_class = true
end

Product.initialize!
ActiveRecord::MigrationContext.new("#{__dir__}/db/migrate", ActiveRecord::SchemaMigration).migrate
run Product
